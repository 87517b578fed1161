internal import DequeModule
internal import TailraceWire

/// The jobs of one connection that wait for their turn, in order. Any of them is dropped at once, however many there are.
struct WaitingJobs {
  private var jobs: [CallID: CallQueue.Job] = [:]
  /// Of those, and of some that were dropped.
  private var order: Deque<CallID> = []
  /// What the jobs hold of their requests.
  private(set) var byteCount = 0

  /// With so much waiting no more is to be added.
  static let maxBytes = 1 << 20
  static let maxJobs = 1_024

  var count: Int { jobs.count }
  var isEmpty: Bool { jobs.isEmpty }
  var isFull: Bool { byteCount >= Self.maxBytes || order.count >= Self.maxJobs }

  mutating func append(_ job: CallQueue.Job) {
    jobs[job.call] = job
    order.append(job.call)
    byteCount += job.byteCount
  }

  mutating func popFirst() -> CallQueue.Job? {
    while let call = order.popFirst() {
      if let job = remove(call) { return job }
    }
    return nil
  }

  /// Drops a job; nil where it is not there.
  mutating func remove(_ call: CallID) -> CallQueue.Job? {
    guard let job = jobs.removeValue(forKey: call) else { return nil }
    byteCount -= job.byteCount
    if jobs.isEmpty { order.removeAll() }
    return job
  }

  /// Drops all of them.
  mutating func removeAll() -> [CallQueue.Job] {
    defer { self = WaitingJobs() }
    return Array(jobs.values)
  }
}
