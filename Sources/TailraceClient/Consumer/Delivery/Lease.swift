internal import Synchronization

/// The right to hand out the records of a partition, which nobody else has meanwhile; given back with its last reference.
final class Lease: Sendable {
  let lane: PartitionLane
  let batches: [FetchedBatch]
  /// End of what could be read, exclusive, when the last of the partition was fetched.
  let highWatermark: Int64
  private let queue: DeliveryQueue

  /// Of the task that this runs in.
  init(_ lane: PartitionLane, _ batches: [FetchedBatch], highWatermark: Int64, of queue: DeliveryQueue) {
    self.lane = lane
    self.batches = batches
    self.highWatermark = highWatermark
    self.queue = queue
    lane.holder.store(taskNumber(), ordering: .releasing)
  }

  deinit { queue.giveBack(lane, batches) }

  /// Its records, from where the partition is done with.
  var reader: LaneReader {
    LaneReader(lane.partition, batches, from: lane.delivered.load(ordering: .acquiring))
  }

  /// A batch is damaged: nothing behind it is handed out.
  func fail(_ error: TailraceError) { queue.fail(lane.partition, error, only: lane) }
}
