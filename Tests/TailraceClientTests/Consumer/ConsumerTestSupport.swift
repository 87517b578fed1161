import NIOCore
import NIOPosix
import Synchronization
import TailraceClient
import TailraceTesting
import TailraceTransport
import TailraceWire

extension TestBroker {
  /// A client of this broker; whoever asks for it closes it.
  func client(_ change: (inout ClientConfiguration) -> Void = { _ in }) throws -> Client {
    try TailraceClientTests.client(of: self, change)
  }

  /// Stores values "first", "first + 1" and so on, as one batch.
  func produce(
    _ topic: String, _ partition: UInt32 = 0, _ values: Range<Int>, compression: Compression = .none
  ) async throws {
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    for value in values {
      builder.append(
        key: nil, value: ByteBuffer(string: "\(value)"),
        headers: [Header(key: "n", value: ByteBuffer(integer: UInt8(1)))],
        timestampMs: Int64(value))
    }
    let target = ProduceTarget(
      topic: topic, partition: partition, batches: [try builder.build(compression: compression).message])
    let response = try await call(
      .logServiceProduce, ProduceRequest(targets: [target]), as: ProduceResponse.self)
    if let error = response.results.first?.error ?? response.results.first?.batches.first?.error {
      throw TailraceError(error)
    }
  }

  /// What the group has committed, by partition.
  func committed(_ group: String) async throws -> [UInt32: Int64] {
    let response = try await call(
      .groupServiceFetchOffsets, FetchOffsetsRequest(group: group), as: FetchOffsetsResponse.self)
    return Dictionary(uniqueKeysWithValues: response.offsets.map { ($0.partition, $0.offset) })
  }

  func members(_ group: String) async throws -> [MemberDescription] {
    try await call(.groupServiceDescribeGroup, DescribeGroupRequest(group: group), as: DescribeGroupResponse.self)
      .members
  }
}

/// A broker with a topic `t`, a client of it, and what is to be done with them.
func withTopic<Value: Sendable>(
  partitions: UInt32 = 1, _ options: TestBroker.Options = TestBroker.Options(),
  _ body: (TestBroker, Client) async throws -> Value
) async throws -> Value {
  try await withBroker(options) { broker in
    try await broker.createTopic("t", partitions: partitions)
    let client = try broker.client()
    do {
      let value = try await body(broker, client)
      await client.close()
      return value
    } catch {
      await client.close()
      throw error
    }
  }
}

/// A broker that is found at the same port after a restart.
func fixedPort() async throws -> TestBroker.Options {
  let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1).bind(host: "127.0.0.1", port: 0).get()
  var options = TestBroker.Options()
  options.server = ServerConfiguration(port: probe.localAddress?.port ?? 0, eventLoopCount: 1)
  try await probe.close()
  return options
}

extension ConsumerRecord {
  /// The number that was produced.
  var number: Int { value.flatMap { Int(String(buffer: $0)) } ?? -1 }
}

/// Something to be waited for, once or several times. Thread-safe.
final class Signal: Sendable {
  private struct State {
    var count = 0
    var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())

  func send() {
    let due = state.withLock { state in
      state.count += 1
      let due = state.waiters.filter { $0.count <= state.count }
      state.waiters.removeAll { $0.count <= state.count }
      return due
    }
    for waiter in due { waiter.continuation.resume() }
  }

  /// Waits until it was sent so many times in all.
  func wait(_ count: Int = 1) async {
    await withCheckedContinuation { continuation in
      let isDue = state.withLock { state in
        if state.count < count { state.waiters.append((count, continuation)) }
        return state.count >= count
      }
      if isDue { continuation.resume() }
    }
  }
}

/// A list that several tasks add to. Thread-safe.
final class Recorder<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  var all: [Element] { elements.withLock { $0 } }

  /// Returns how many there are now.
  @discardableResult func add(_ element: Element) -> Int {
    elements.withLock { elements in
      elements.append(element)
      return elements.count
    }
  }
}

extension Consumer {
  /// The next so many records.
  func take(_ count: Int) async throws -> [ConsumerRecord] {
    var records = records.makeAsyncIterator()
    return try await records.take(count)
  }
}

extension Consumer.Records.Iterator {
  /// The next so many records.
  mutating func take(_ count: Int) async throws -> [ConsumerRecord] {
    var records: [ConsumerRecord] = []
    while records.count < count, let record = try await next() { records.append(record) }
    return records
  }
}
