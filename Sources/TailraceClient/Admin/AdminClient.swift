internal import NIOCore
internal import TailraceWire

/// Administers topics, offsets and groups of a broker, over a client's connection. Thread-safe.
///
/// A call that may be made twice is tried again until its time is over; one that may not, such as creating a topic, is
/// made once, and may have been carried out where it fails with UNAVAILABLE or DEADLINE_EXCEEDED. Calls about many
/// partitions give a result for each: one that fails does not keep the others from succeeding.
public struct AdminClient: Sendable {
  private let client: Client
  private let timeout: Duration?
  /// Of lists; 0: the broker's choice.
  package var pageSize: UInt32 = 0

  /// Administers over `client`, which stays the caller's to close. `timeout`: for each call with its retries; nil: the
  /// client's `callTimeout`.
  public init(_ client: Client, timeout: Duration? = nil) {
    self.client = client
    self.timeout = timeout
  }

  func call<Answer: WireMessage>(
    _ method: RPCMethod, _ request: some WireMessage, as type: Answer.Type, retry: Client.Retry
  ) async throws(TailraceError) -> Answer {
    try await client.call(method, request, as: type, timeout: timeout, retry: retry)
  }

  // MARK: The broker

  /// Describes the broker: its version, its bounds, what it can do.
  public func describeCluster() async throws(TailraceError) -> ClusterDescription {
    let response = try await call(
      .adminServiceDescribeCluster, DescribeClusterRequest(), as: DescribeClusterResponse.self, retry: .always)
    return ClusterDescription(response)
  }

  /// Asks the broker for a sign of life. Returns how long that took, with connecting where there was no connection.
  @discardableResult public func ping() async throws(TailraceError) -> Duration {
    let start = ContinuousClock.now
    let request = PingRequest(payload: ByteBuffer(string: "ping"))
    let response = try await call(.adminServicePing, request, as: PingResponse.self, retry: .always)
    guard response.payload == request.payload else {
      throw TailraceError(.internalError, "the broker's answer to a ping is not what was sent")
    }
    return ContinuousClock.now - start
  }
}

// What broker and client count in different types.

extension AdminClient {
  /// A count as the broker takes it. Fails with INVALID_ARGUMENT where it is not in 1...UInt32.max.
  static func count(_ count: Int, _ what: String) throws(TailraceError) -> UInt32 {
    guard let value = UInt32(exactly: count), value > 0 else {
      throw TailraceError(.invalidArgument, "\(what): \(count) is not a count, which is 1 or more")
    }
    return value
  }

  /// A partition's number as the broker takes it. Fails with INVALID_ARGUMENT where it is none.
  static func number(_ partition: TopicPartition) throws(TailraceError) -> UInt32 {
    guard let number = UInt32(exactly: partition.partition) else {
      throw TailraceError(
        .invalidArgument, "partition \(partition.partition) of '\(partition.topic)': not a number of one")
    }
    return number
  }

  /// Puts the broker's answers, one for each partition in order, with their partitions.
  static func results<Part, Value>(
    _ partitions: [TopicPartition], _ parts: [Part],
    _ result: (Part) -> Result<Value, TailraceError>
  ) throws(TailraceError) -> PartitionResults<Value> {
    guard parts.count == partitions.count else {
      throw TailraceError(
        .internalError, "the broker gave \(parts.count) answers about \(partitions.count) partitions")
    }
    return Dictionary(zip(partitions, parts.map(result))) { first, _ in first }
  }
}
