internal import Synchronization

/// How far a partition was handed out, from one place on and under one assignment: after each seek, and each time that
/// the partition comes, there is another one. Thread-safe.
///
/// Whoever hands out its records says so here without a lock, and looks before each record whether it may go on.
final class PartitionLane: Sendable {
  let partition: TopicPartition
  /// The offset behind the last record that was handed out.
  let delivered: Atomic<Int64>
  /// The offset behind the last record that is done with.
  let processed: Atomic<Int64>
  /// Whoever holds the lane has to come back to the queue before the next record.
  let isInterrupted = Atomic<Bool>(false)
  /// The task that took its records last: a `taskNumber`; 0: none yet.
  let holder = Atomic<Int>(0)

  init(_ partition: TopicPartition, at offset: Int64) {
    self.partition = partition
    delivered = Atomic(offset)
    processed = Atomic(offset)
  }
}

/// The number of the task that this runs in, which no other has at the same time; 0: in none.
func taskNumber() -> Int { withUnsafeCurrentTask { $0?.hashValue ?? 0 } }
