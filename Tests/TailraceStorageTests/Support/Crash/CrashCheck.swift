import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire

/// What a start on a crashed disk did wrong.
struct Violation: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Starts a store on what a crash left, and compares what is there with the ledger.
struct CrashCheck {
  let ledger: Ledger

  /// What was found of a partition.
  struct Found: Equatable {
    var start: Int64
    var end: Int64
    var epoch: UInt32
  }

  typealias State = [PartitionID: Found]

  /// Opens the disk as it was left at `point` and checks all that is there; only `topic` where it is given. Returns what
  /// was found, and how many changes the start itself made.
  func open(
    _ fileSystem: RecordingFileSystem, at point: Int, _ loss: CrashLoss, only topic: TopicID? = nil
  ) async throws -> (state: State, changes: Int) {
    let store = try ScriptedHistory.open(fileSystem, ManualClock())
    if let cluster = ledger.cluster, cluster.at <= point, store.clusterID != cluster.id {
      throw Violation("the cluster's id changed")
    }
    try await checkTopics(store, at: point)
    let topics = topics(at: point).filter { topic == nil || $0.id == topic }
    for topic in topics {
      try await store.create(topic.partitions, topicName: topic.name, config: topic.config, fence: .local)
    }
    let changes = fileSystem.changeCount
    var state: State = [:]
    for partition in topics.flatMap(\.partitions) {
      do {
        state[partition] = try await check(partition, of: store, at: point, loss)
      } catch {
        throw Violation("partition \(partition): \(error)")
      }
    }
    return (state, changes)
  }

  /// The topics that may be there.
  func topics(at point: Int) -> [Ledger.Topic] {
    ledger.topics.filter { $0.createBegun < point && $0.dropBegun.map { $0 >= point } ?? true }
  }

  private func checkTopics(_ store: LocalLogStore, at point: Int) async throws {
    let found = Set(try await store.topicsOnDisk().map(\.topic))
    for topic in ledger.topics {
      let isCreated = topic.created.map { $0 <= point } ?? false
      if isCreated, topic.dropBegun.map({ $0 >= point }) ?? true, !found.contains(topic.id) {
        throw Violation("topic \(topic.name) \(topic.id) is gone")
      }
      if topic.dropped.map({ $0 <= point }) ?? false, found.contains(topic.id) {
        throw Violation("topic \(topic.name) \(topic.id) was dropped and is back")
      }
    }
  }

  private func check(
    _ id: PartitionID, of store: LocalLogStore, at point: Int, _ loss: CrashLoss
  ) async throws -> Found {
    if let fault = try await store.describe(id).fault { throw Violation("fault \(fault.kind): \(fault)") }
    let bounds = try store.bounds(of: id)
    let end = bounds.logEnd.rawValue
    guard bounds.highWatermark == bounds.logEnd, bounds.durableEnd == bounds.logEnd, bounds.logStart <= bounds.logEnd
    else { throw Violation("\(bounds) right after the start") }
    let starts = ledger.allowedStarts(of: id, at: point)
    guard starts.contains(bounds.logStart.rawValue) else {
      throw Violation("the log begins at \(bounds.logStart), not within \(starts)")
    }
    let required = ledger.requiredEnd(of: id, at: point, loss)
    guard end >= required else { throw Violation("the log ends at \(end), but was acked up to \(required)") }
    let epoch = ledger.requiredEpoch(of: id, at: point)
    guard bounds.partitionEpoch >= epoch else {
      throw Violation("epoch \(bounds.partitionEpoch), where at least \(epoch) is due")
    }
    let sent = ledger.partitions[id]?.batches ?? []
    if ledger.isCompacted(id) {
      try await CompactedCheck(sent: sent, start: bounds.logStart.rawValue, end: end).check(id, of: store)
    } else {
      try await checkBatches(sent, bounds, of: id, in: store)
    }
    try await checkRepeat(of: sent.last { $0.nextOffset <= end && $0.sent.header.producerID != 0 }, in: id, of: store)
    return Found(start: bounds.logStart.rawValue, end: end, epoch: bounds.partitionEpoch)
  }

  /// All that was sent and lies within the bounds is there, as it was sent.
  private func checkBatches(
    _ sent: [Ledger.Batch], _ bounds: PartitionBounds, of id: PartitionID, in store: LocalLogStore
  ) async throws {
    let end = bounds.logEnd.rawValue
    var next = bounds.logStart.rawValue
    var count = sent.firstIndex { $0.nextOffset > next } ?? sent.count
    while next < end {
      var rest = try bytes(try await store.result(from: next, of: id))
      while rest.readableBytes > 0 {
        guard count < sent.count else { throw Violation("offset \(next) was never acked") }
        try compare(&rest, with: sent[count], epoch: bounds.partitionEpoch)
        next = sent[count].nextOffset
        count += 1
      }
    }
    guard next == end else { throw Violation("the log ends at \(end) within a batch") }
  }

  /// The last batch of the producer is known when it is sent again, also where it was deleted.
  private func checkRepeat(of last: Ledger.Batch?, in id: PartitionID, of store: LocalLogStore) async throws {
    guard let last else { return }
    let outcome = await store.append([last.sent], to: id, .written)[0]
    guard case .duplicate(let known) = outcome, known.baseOffset.rawValue == last.baseOffset else {
      throw Violation("the batch at offset \(last.baseOffset), sent again, comes to \(outcome)")
    }
  }

  /// Takes a batch from `bytes`, which must be the one that was sent.
  private func compare(_ bytes: inout ByteBuffer, with sent: Ledger.Batch, epoch: UInt32) throws {
    let header = try bytes.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
    bytes.moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
    guard header.baseOffset.rawValue == sent.baseOffset, header.recordCount == sent.sent.header.recordCount,
      header.nextOffset?.rawValue == sent.nextOffset, header.partitionEpoch <= epoch,
      bytes.readSlice(length: Int(header.recordsLength)) == sent.sent.records
    else { throw Violation("at offset \(sent.baseOffset) stands another batch, at \(header.baseOffset)") }
  }
}
