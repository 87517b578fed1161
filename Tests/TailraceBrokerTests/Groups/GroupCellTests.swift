import NIOCore
import Synchronization
import TailraceGroups
import TailraceTestSupport
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct GroupCellTests {
  private static let topic = TopicID(high: 0, low: 7)
  private let store: StubOffsetStore
  private let notes = Notes<String>()
  private let losses = Notes<RPCError>()
  private let cell: GroupCell

  init() throws {
    store = StubOffsetStore()
    cell = Self.cell(try Self.group(), store, losses)
  }

  private static func group() throws -> Group {
    let catalog = TopicCatalog([TopicCatalog.Topic(id: topic, name: "orders", partitionCount: 1)]) { _, _ in false }
    return Group(try #require(GroupID("g")), topics: catalog)
  }

  private static func cell(_ group: Group, _ store: StubOffsetStore, _ losses: Notes<RPCError>) -> GroupCell {
    GroupCell(group, store: store, answer: { _ in }, onLoss: { losses.add($1) })
  }

  private static func commit(_ offset: Int64) -> CommitOffsetRequest {
    CommitOffsetRequest(offsets: [OffsetCommit(topic: "orders", offset: offset)])
  }

  private static func record(_ offset: Int64) -> ByteBuffer? {
    try? GroupRecordValue.offset(CommittedOffsetRecord(offset: offset)).encoded()
  }

  private static func offsets(in records: [GroupLogRecord]) -> [Int64] {
    records.compactMap { if case .offset(let record) = $0.value { record.offset } else { nil } }
  }

  private func note<Reply>(_ name: String) -> @Sendable (Result<Reply, RPCError>) -> Void {
    { [notes] result in
      switch result {
      case .success: notes.add(name)
      case .failure(let error): notes.add("\(name) failed: \(error.code.name)")
      }
    }
  }

  private func commit(_ offset: Int64) -> GroupCell.Attempt {
    cell.apply({ $0.commit(Self.commit(offset), now: offset) }, deliver: note("\(offset)"))
  }

  private func look() { _ = cell.read({ $0.exists }, deliver: note("look")) }

  private let failure = RPCError(.resourceExhausted, "the disk is full", error: .storageFull)

  @Test func `a reply waits until its records are durable`() {
    _ = commit(1)
    #expect(store.appends.count == 1 && notes.all.isEmpty)
    store.complete()
    #expect(notes.all == ["1"])
  }

  @Test func `a reply without records waits for those of earlier events`() {
    look()
    #expect(notes.all == ["look"])
    _ = commit(1)
    look()
    #expect(notes.all == ["look"])
    store.complete()
    #expect(notes.all == ["look", "1", "look"])
    look()
    #expect(notes.all.count == 4)
  }

  @Test func `records of events that come while others are being written are written together`() {
    _ = commit(1)
    _ = commit(2)
    look()
    _ = commit(3)
    #expect(store.appends.map { Self.offsets(in: $0) } == [[1]])
    store.complete()
    #expect(notes.all == ["1"])
    #expect(store.appends.map { Self.offsets(in: $0) } == [[1], [2, 3]])
    store.complete()
    #expect(notes.all == ["1", "2", "look", "3"])
    #expect(store.waitingCount == 0)
  }

  @Test func `where an append fails, all who wait are told, and nothing more is written`() {
    for offset in 1...3 as ClosedRange<Int64> { _ = commit(offset) }
    look()
    store.complete(failure)
    let failed = ["1", "2", "3", "look"].map { "\($0) failed: UNAVAILABLE" }
    #expect(notes.all == failed)
    #expect(store.appends.map { Self.offsets(in: $0) } == [[1]])
    #expect(losses.all.count == 1 && cell.loss?.error == .storageFull && cell.isToBeReadAgain)
    _ = commit(4)
    look()
    #expect(notes.all == failed + ["4 failed: UNAVAILABLE", "look failed: UNAVAILABLE"])
    #expect(store.appends.count == 1 && !cell.retireIfGone())
  }

  @Test func `a lost group goes on with what was read from its log`() throws {
    _ = commit(1)
    store.complete(failure)
    let group = try Self.group()
    // What is half there is mended: that is written.
    cell.restore(group) { group in
      try? group.replay(.offset(group.id, PartitionID(topic: Self.topic, index: 0)), Self.record(5))
      return group.replayed(now: 6)
    }
    #expect(cell.loss == nil)
    look()
    #expect(notes.all == ["1 failed: UNAVAILABLE"])
    store.complete()
    #expect(notes.all.last == "look")
    _ = commit(6)
    store.complete()
    #expect(notes.all.last == "6" && losses.all.count == 1)
  }

  @Test func `only a lost group is replaced`() throws {
    _ = commit(1)
    store.complete()
    cell.restore(try Self.group())
    let exists = Notes<Bool>()
    _ = cell.read({ $0.exists }, deliver: { exists.add((try? $0.get()) ?? false) })
    #expect(exists.all == [true])
  }

  @Test func `a damaged group is not to be read again`() {
    cell.abandonForGood(RPCError(.dataLoss, "damaged"))
    look()
    #expect(notes.all == ["look failed: DATA_LOSS"])
    #expect(!cell.isToBeReadAgain && cell.loss != nil)
  }

  @Test func `a group is retired once it does not exist and nothing is under way`() {
    _ = commit(1)
    #expect(!cell.retireIfGone())
    store.complete()
    #expect(!cell.retireIfGone())
    _ = cell.apply({ $0.delete(now: 2) }, deliver: note("delete"))
    #expect(!cell.retireIfGone())
    store.complete()
    #expect(notes.all == ["1", "delete"])
    #expect(cell.retireIfGone() && cell.retireIfGone())
    guard case .retired = commit(3) else {
      Issue.record("the cell takes events still")
      return
    }
    #expect(notes.all.count == 2 && store.appends.count == 2)
  }

  @Test func `a deadline comes with each event, and goes with the group`() {
    #expect(cell.nextDeadlineMs == nil)
    _ = commit(1)
    let weekMs: Int64 = 7 * 24 * 3_600_000
    #expect(cell.nextDeadlineMs == weekMs + 1)
    store.complete(failure)
    #expect(cell.nextDeadlineMs == nil)
  }

  @Test func `a store may complete before it returns, and replies may bring events`() throws {
    let store = StubOffsetStore(isInline: true)
    let cell = Self.cell(try Self.group(), store, losses)
    let notes = notes
    @Sendable func commit(_ offset: Int64) {
      _ = cell.apply({ $0.commit(Self.commit(offset), now: offset) }) { _ in
        notes.add("\(offset)")
        if offset < 2_000 { commit(offset + 1) }
      }
    }
    commit(1)
    #expect(notes.all == (1...2_000).map { "\($0)" })
    #expect(store.appends.flatMap { Self.offsets(in: $0) } == Array(1...2_000))
    store.fail(failure)
    commit(3_000)
    #expect(losses.all.count == 1)
  }

  @Test func `records are written in the order of the events, whoever brings them`() async throws {
    for isInline in [true, false] {
      let store = StubOffsetStore(isInline: isInline)
      let cell = Self.cell(try Self.group(), store, losses)
      let counter = Counter()
      let replies = Notes<Void>()
      let count: Int64 = 4 * 500
      await withTaskGroup { tasks in
        for _ in 0..<4 {
          tasks.addTask {
            for _ in 0..<500 {
              var offset: Int64 = 0
              _ = cell.apply { group in
                offset = counter.next()
                return group.commit(Self.commit(offset), now: 1)
              } deliver: {
                if case .success = $0 { replies.add(()) }
              }
              if offset % 3 == 0 { store.complete() }
            }
          }
        }
      }
      while store.complete() {}
      #expect(store.appends.flatMap { Self.offsets(in: $0) } == Array(1...count))
      #expect(replies.all.count == Int(count))
      #expect(cell.loss == nil)
    }
  }
}

private final class Counter: Sendable {
  private let last = Mutex<Int64>(0)

  func next() -> Int64 {
    last.withLock { last in
      last += 1
      return last
    }
  }
}
