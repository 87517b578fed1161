@testable import TailraceStorage
import TailraceTesting
import TailraceWire

/// What a scripted history did, and at which change of the disk it was told so: the measure of what a crash may leave.
///
/// A number here is a count of changes. What was answered at `n` was answered before any crash at or after `n`.
struct Ledger: Sendable {
  struct Batch: Sendable {
    var baseOffset: Int64
    var nextOffset: Int64
    var sent: ValidatedBatch
  }

  /// At `at` it was known that everything below `end` is there.
  struct Mark: Sendable {
    var at: Int
    var end: Int64
  }

  struct Epoch: Sendable {
    var at: Int
    var epoch: UInt32
  }

  struct Partition: Sendable {
    /// In the order of their offsets, once the history is complete.
    var batches: [Batch] = []
    /// Acked as durable, or seen by readers of a durable topic.
    var durable: [Mark] = []
    /// Acked at all.
    var written: [Mark] = []
    /// Trims that were asked for; a crash may leave one done or not.
    var trimsBegun: [Mark] = []
    /// Trims that were acked.
    var trims: [Mark] = []
    /// The epoch after each start.
    var epochs: [Epoch] = []
  }

  struct Topic: Sendable {
    var id: TopicID
    var name: String
    var config: LogConfig
    var partitions: [PartitionID]
    var createBegun: Int
    var created: Int?
    var dropBegun: Int?
    var dropped: Int?
  }

  var topics: [Topic] = []
  var partitions: [PartitionID: Partition] = [:]
  var cluster: (at: Int, id: String)?
  /// When stops in order began.
  var closes: [Int] = []

  /// Puts batches and marks in order. Marks of other threads may have come late.
  mutating func complete() {
    for id in partitions.keys {
      partitions[id]?.batches.sort { $0.baseOffset < $1.baseOffset }
      partitions[id]?.durable.makeRunning()
      partitions[id]?.written.makeRunning()
    }
  }

  /// Whether of each key only the latest record has to be there.
  func isCompacted(_ id: PartitionID) -> Bool {
    topics.first { $0.id == id.topic }?.config.cleanup.contains(.compact) ?? false
  }

  /// Below which offset everything must be there after a crash.
  func requiredEnd(of id: PartitionID, at point: Int, _ loss: CrashLoss) -> Int64 {
    guard let partition = partitions[id] else { return 0 }
    let durable = partition.durable.end(at: point)
    return loss == .nothing ? max(durable, partition.written.end(at: point)) : durable
  }

  /// Where the log may begin after a crash: not below what was acked as deleted, nor past what was asked for.
  func allowedStarts(of id: PartitionID, at point: Int) -> ClosedRange<Int64> {
    let trims = partitions[id]?.trims.end(at: point) ?? 0
    return trims...max(trims, partitions[id]?.trimsBegun.end(at: point) ?? 0)
  }

  /// The lowest epoch that a start after a crash may have: above the last one's, where anything was written since and
  /// no stop in order had begun.
  func requiredEpoch(of id: PartitionID, at point: Int) -> UInt32 {
    guard let partition = partitions[id], let last = partition.epochs.last(where: { $0.at <= point }) else { return 0 }
    let isClosing = closes.contains { $0 >= last.at && $0 < point }
    let isWritten = partition.written.contains { $0.at > last.at && $0.at <= point }
    return isWritten && !isClosing ? last.epoch + 1 : last.epoch
  }
}

extension [Ledger.Mark] {
  /// Sorts, and lets each say what the ones before it said too.
  mutating func makeRunning() {
    sort { $0.at < $1.at }
    for index in indices.dropFirst() { self[index].end = Swift.max(self[index].end, self[index - 1].end) }
  }

  func end(at point: Int) -> Int64 {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if self[middle].at > point { high = middle } else { low = middle + 1 }
    }
    return low > 0 ? self[low - 1].end : 0
  }
}
