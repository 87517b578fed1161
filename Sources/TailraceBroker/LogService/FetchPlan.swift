internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// A Fetch request, checked: what to read, and which targets failed before that.
struct FetchPlan: Sendable {
  let targets: [FetchTarget]
  /// For each target: its place in the demand's reads, or why there is none.
  let places: [Result<Int, PartitionFailure>]
  let demand: FetchDemand
  let decode: Bool

  var reads: [ReadTarget] { demand.reads }
  var bounds: FetchBounds { demand.bounds }

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
    let bounds = FetchBounds(
      minBytes: request.minBytes, maxBytes: request.maxBytes, targets: request.targets.lazy.map(\.maxBytes), door: door)
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
    self.places = places
    demand = FetchDemand(
      reads: reads, bounds: bounds, maxWaitMs: Int64(request.maxWaitMs), targetCount: request.targets.count)
  }

  /// One partition that is there.
  init(_ target: FetchTarget, _ demand: FetchDemand) {
    targets = [target]
    places = [.success(0)]
    self.demand = demand
    decode = false
  }

  /// What the plan takes in memory, roughly: most of it is its targets.
  var byteCount: Int { targets.count * 256 }

  /// Whether the response can go: enough bytes, or a failure to tell of.
  func isSatisfied(by outcomes: [ReadOutcome]) -> Bool { demand.isSatisfied(by: outcomes) }
}
