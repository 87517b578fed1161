internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// A Fetch request, checked: what to read, and which targets failed before that.
struct FetchPlan: Sendable {
  let targets: [FetchTarget]
  /// For each target: its place in `reads`, or why there is none.
  let places: [Result<Int, PartitionFailure>]
  let reads: [ReadTarget]
  let bounds: FetchBounds
  /// Milliseconds.
  let maxWaitMs: Int64
  let decode: Bool

  static let maxWaitCeilingMs: UInt32 = 60_000
  static let maxTargets = 10_000

  /// Throws INVALID_ARGUMENT.
  init(_ request: FetchRequest, topics: TopicTable, door: Door) throws(RPCError) {
    guard (1...Self.maxTargets).contains(request.targets.count) else {
      throw RPCError(.invalidArgument, "targets: \(request.targets.count) given; 1 to \(Self.maxTargets) are allowed")
    }
    guard request.maxWaitMs <= Self.maxWaitCeilingMs else {
      throw RPCError(
        .invalidArgument, "max_wait_ms is \(request.maxWaitMs); at most \(Self.maxWaitCeilingMs) is allowed")
    }
    if let index = request.targets.firstIndex(where: { $0.topic.utf8.count > TopicName.maxBytes }) {
      throw RPCError(
        .invalidArgument,
        "targets[\(index)].topic has \(request.targets[index].topic.utf8.count) bytes; names have at most"
          + " \(TopicName.maxBytes)", error: .invalidTopicName)
    }
    bounds = FetchBounds(
      minBytes: request.minBytes, maxBytes: request.maxBytes, targets: request.targets.lazy.map(\.maxBytes), door: door)
    maxWaitMs = Int64(request.maxWaitMs)
    decode = request.decode
    targets = request.targets
    var reads: [ReadTarget] = []
    var places: [Result<Int, PartitionFailure>] = []
    var seen: Set<PartitionID> = []
    for (index, target) in request.targets.enumerated() {
      let place = topics.resolve(target.topic, expectedID: target.topicID, partition: target.partition)
      if case .success(let partition) = place {
        guard request.targets.count == 1 || seen.insert(partition).inserted else {
          throw RPCError(
            .invalidArgument,
            "targets[\(index)]: partition \(target.partition) of topic '\(target.topic)' is named twice")
        }
        reads.append(
          ReadTarget(
            partition: partition, offset: Offset(target.offset),
            maxBytes: target.maxBytes == 0 ? Int.max : Int(target.maxBytes), lastEpoch: target.lastEpoch))
      }
      places.append(place.map { _ in reads.count - 1 })
    }
    self.reads = reads
    self.places = places
  }

  /// What the plan takes in memory, roughly: most of it is its targets.
  var byteCount: Int { targets.count * 256 }

  /// Whether the response can go: enough bytes, or a failure to tell of.
  func isSatisfied(by outcomes: [ReadOutcome]) -> Bool {
    if maxWaitMs == 0 || reads.count < targets.count { return true }
    for outcome in outcomes {
      guard case .read = outcome else { return true }
    }
    return countedBytes(outcomes) >= bounds.minBytes
  }

  /// How much there is, as `minBytes` counts.
  func countedBytes(_ outcomes: [ReadOutcome]) -> Int {
    zip(reads, outcomes).reduce(0) { sum, target in
      guard case .read(let result) = target.1 else { return sum }
      return sum + bounds.counted(result, of: target.0)
    }
  }
}
