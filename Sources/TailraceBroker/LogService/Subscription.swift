internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// A Subscribe call: a fetch that begins anew behind what it brought, as long as somebody listens.
///
/// Isolation: its connection's event loop. `@unchecked Sendable`: nothing of it is touched elsewhere.
final class Subscription: @unchecked Sendable {
  let key: ParkedFetch.Key
  let call: CallID
  let connection: any CallConnection
  private let maxBytes: UInt32
  private let decode: Bool
  /// From where each partition is read next.
  private(set) var targets: [FetchTarget]
  /// Whether a read is under way, or waits for data.
  var isReading = false

  init(_ request: SubscribeRequest, _ call: CallID, _ connection: any CallConnection) {
    key = ParkedFetch.Key(connection: ObjectIdentifier(connection), call: call)
    self.call = call
    self.connection = connection
    maxBytes = request.maxBytes == 0 ? Self.standardBytes : request.maxBytes
    decode = request.decode
    targets = request.targets
  }

  /// Of a response, unless the request says otherwise.
  private static let standardBytes: UInt32 = 1 << 20

  /// The next fetch, of at most `credit` bytes but for a first batch that is larger.
  func request(credit: Int) -> FetchRequest {
    FetchRequest(
      targets: targets, minBytes: 1, maxBytes: min(maxBytes, UInt32(clamping: max(1, credit))),
      maxWaitMs: FetchPlan.maxWaitCeilingMs, decode: decode)
  }

  /// Moves on behind what a fetch of all targets brought, and returns it; nil: nothing. A partition that failed is told of
  /// once, and read no more.
  func take(_ outcomes: [ReadOutcome], _ plan: FetchPlan) -> Response? {
    let builder = FetchResponseBuilder(plan: plan)
    var news: Set<Int> = []
    var left: [FetchTarget] = []
    for (index, (target, place)) in zip(targets, builder.plan.places).enumerated() {
      guard case .success(let read) = place, case .read(let result) = outcomes[read] else {
        news.insert(index)
        continue
      }
      var target = target
      if let end = result.end {
        target.offset = end.offset.rawValue
        target.lastEpoch = end.partitionEpoch
        news.insert(index)
      }
      left.append(target)
    }
    targets = left
    return news.isEmpty ? nil : builder.batches(outcomes, of: news)
  }

  /// The same with plain records.
  func take(_ response: FetchResponse) -> Response? {
    var news = SubscribeResponse()
    var left: [FetchTarget] = []
    for (target, partition) in zip(targets, response.partitions) {
      var target = target
      if partition.error != nil || partition.nextOffset > target.offset { news.partitions.append(partition) }
      guard partition.error == nil else { continue }
      if partition.nextOffset > target.offset {
        target.offset = partition.nextOffset
        // Whatever fell back before this epoch was gone already when it was read.
        target.lastEpoch = partition.partitionEpoch
      }
      left.append(target)
    }
    targets = left
    return news.partitions.isEmpty ? nil : Response(news)
  }
}
