internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// A fetch of one partition that is there, as consumers send it that follow a log: neither decoded nor planned in full, and
/// answered from a buffer that is lent.
struct TailFetch: Sendable {
  private let topic: Topic
  private let target: ReadTarget
  private let bounds: FetchBounds
  /// Milliseconds.
  private let maxWaitMs: UInt32

  private static let answers = BufferPool()

  /// What came of a read.
  enum Attempt {
    /// Answered, or not wanted any more.
    case done
    /// There is less than was asked for, and time to wait.
    case tooLittle(ReadResult)
    /// The read has to wait, or there is something wrong: to be looked at in full.
    case notAtOnce
  }

  /// nil where the topic or the partition is not there, or a bound is passed: to be looked at in full.
  init?(_ fetch: SingleFetch, topics: TopicTable, door: Door) {
    guard fetch.maxWaitMs <= FetchPlan.maxWaitCeilingMs, let topic = topics.topic(named: fetch.topic),
      !topic.name.isInternal, fetch.topicID == nil || fetch.topicID == topic.id,
      fetch.partition < topic.partitionCount
    else { return nil }
    self.topic = topic
    target = ReadTarget(
      partition: topic.partition(fetch.partition), offset: Offset(fetch.offset),
      maxBytes: fetch.partitionMaxBytes == 0 ? Int.max : Int(fetch.partitionMaxBytes), lastEpoch: fetch.lastEpoch)
    bounds = FetchBounds(
      minBytes: fetch.minBytes, maxBytes: fetch.maxBytes, targets: CollectionOfOne(fetch.partitionMaxBytes),
      door: door)
    maxWaitMs = fetch.maxWaitMs
  }

  /// Reads, and answers where there is enough. `isWanted` is asked before that; where it says no, nobody is answered.
  func attempt(
    from store: any LogStore, _ call: CallID, _ connection: any CallConnection, isWanted: () -> Bool = { true }
  ) -> Attempt {
    Self.answers.withBuffer { answer in
      SingleFetchResponse.begin(&answer)
      guard let result = store.readAtOnce(target, maxBytes: bounds.maxBytes, into: &answer) else { return .notAtOnce }
      guard maxWaitMs == 0 || bounds.counted(result, of: target) >= bounds.minBytes else { return .tooLittle(result) }
      guard isWanted() else { return .done }
      SingleFetchResponse.complete(&answer, result, topic: topic, partition: target.partition.index)
      connection.respond(result.chunks.isEmpty ? .message(answer) : .chunks([.bytes(answer)] + result.chunks), to: call)
      return .done
    }
  }

  /// What `result` has of what is asked for.
  func seen(_ result: ReadResult) -> FetchPurgatory.Seen {
    FetchPurgatory.Seen(
      highWatermarks: [result.bounds.highWatermark], byteCount: bounds.counted(result, of: target))
  }

  var demand: FetchDemand {
    FetchDemand(reads: [target], bounds: bounds, maxWaitMs: Int64(maxWaitMs), targetCount: 1)
  }

  /// The same in full.
  var plan: FetchPlan {
    let (name, partition) = (topic.name.text, target.partition.index)
    return FetchPlan(FetchTarget(topic: name, partition: partition, offset: target.offset.rawValue), demand)
  }
}
