import Synchronization
@testable import TailraceStorage
import TailraceWire
import Testing

/// Outcomes that are told together.
@Suite struct JointAppendTests {
  /// What was told, each time.
  private final class Told: Sendable {
    private let outcomes = Mutex<[[AppendOutcome]]>([])

    var all: [[AppendOutcome]] { outcomes.withLock { $0 } }

    func add(_ some: [AppendOutcome]) { outcomes.withLock { $0.append(some) } }
  }

  private func appended(_ offset: Int64) -> AppendOutcome {
    .appended(AppendedBatch(baseOffset: Offset(offset), appendTimestampMs: 1))
  }

  private func parts(_ count: Int) throws -> [AppendPart] {
    try (0..<count).map { index in
      AppendPart(
        partition: PartitionID(topic: topicA, index: UInt32(index % 2)), batch: try batch(["\(index)"]))
    }
  }

  @Test func `without any they are told at once, and nothing is to be appended`() {
    let told = Told()
    #expect(AppendRequest.together([], durability: .durable) { told.add($0) }.isEmpty)
    #expect(told.all == [[]])
  }

  @Test func `they are told once, with the last of them, in the order of the parts`() throws {
    let told = Told()
    let requests = AppendRequest.together(try parts(3), durability: .durable) { told.add($0) }
    #expect(requests.map(\.partition.index) == [0, 1, 0])
    #expect(requests.allSatisfy { $0.durability == .durable })
    let failure = AppendOutcome.refused(StorageError(.full, "no space left"))
    requests[2].completion(appended(7))
    requests[0].completion(failure)
    #expect(told.all.isEmpty)
    requests[1].completion(.duplicate(AppendedBatch(baseOffset: Offset(3), appendTimestampMs: 2)))
    #expect(
      told.all == [[failure, .duplicate(AppendedBatch(baseOffset: Offset(3), appendTimestampMs: 2)), appended(7)]])
  }

  @Test func `outcomes that come on many threads are all told`() async throws {
    let told = Told()
    let count = 500
    let requests = AppendRequest.together(try parts(count), durability: .written) { told.add($0) }
    await withTaskGroup(of: Void.self) { group in
      for (index, request) in requests.enumerated() {
        group.addTask {
          request.completion(.appended(AppendedBatch(baseOffset: Offset(Int64(index)), appendTimestampMs: 1)))
        }
      }
    }
    #expect(told.all == [(0..<count).map { appended(Int64($0)) }])
  }

  @Test func `a store tells of parts in several partitions together, also where some are refused`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create(config: LogConfig(durability: .os))
    let told = Told()
    store.append(AppendRequest.together(try parts(4), durability: .written) { told.add($0) }, fence: .local)
    let outcomes = try #require(told.all.first)
    #expect(told.all.count == 1)
    let offsets = outcomes.map { outcome in
      if case .appended(let batch) = outcome { batch.baseOffset.rawValue } else { Int64(-1) }
    }
    #expect(offsets == [0, -1, 1, -1])
    #expect(try await store.records().map(\.value) == ["0", "2"])
  }
}
