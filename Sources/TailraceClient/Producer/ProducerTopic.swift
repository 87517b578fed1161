internal import NIOCore

/// What a producer knows of a topic. A plain value, guarded by the producer's lock.
struct ProducerTopic {
  /// What is known is good for this long, unless the broker says otherwise.
  static let validity = TimeAmount.minutes(5)

  let name: String
  private(set) var partitionCount = 0
  /// Places in the producer's queues, by partition; -1 where nothing was ever sent.
  var queues: [Int] = []
  /// Where records go that may go anywhere.
  private(set) var stickyPartition = 0
  private(set) var learntAt = NIODeadline.uptimeNanoseconds(0)
  /// To be asked for before anything else is sent.
  private(set) var isStale = true
  var isRefreshing = false

  init(name: String) { self.name = name }

  /// `chance` chooses where the sticky partition begins, so that many short-lived producers spread.
  mutating func learn(partitionCount: Int, now: NIODeadline, chance: Int) {
    // Made anew it may have fewer than before.
    if partitionCount > 0, self.partitionCount == 0 || stickyPartition >= partitionCount {
      stickyPartition = chance % partitionCount
    }
    self.partitionCount = partitionCount
    if queues.count < partitionCount {
      queues.append(contentsOf: repeatElement(-1, count: partitionCount - queues.count))
    }
    (learntAt, isStale, isRefreshing) = (now, false, false)
  }

  /// Looking it up beside the work failed: that is tried again when what is known is old anew.
  mutating func refreshFailed(now: NIODeadline) { (learntAt, isRefreshing) = (now, false) }

  mutating func forget() { isStale = true }

  /// The sticky partition's batch is on its way: the next one's turn.
  mutating func sealed(_ partition: Int) {
    if partition == stickyPartition { stickyPartition = (partition + 1) % max(1, partitionCount) }
  }
}
