import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A broker over a store in memory, and a connection without a socket. Time stands still.
struct Fixture {
  let clock: ManualClock
  let store: ProbeLogStore
  let broker: Broker
  let connection: FakeCallConnection

  func call<Answer: WireMessage>(
    _ method: RPCMethod, _ request: some WireMessage, as type: Answer.Type
  ) async throws -> Answer {
    try await connection.call(method, request, as: type)
  }

  /// The failure of a call; nil where it succeeds.
  func failure(of method: RPCMethod, _ request: some WireMessage) async throws -> RPCError? {
    await connection.call(method, try request.encoded()).failure
  }

  @discardableResult
  func createTopic(
    _ name: String = "orders", partitions: UInt32 = 1, config: [String: String] = ["durability": "os"]
  ) async throws -> TopicSummary {
    let request = CreateTopicRequest(
      name: name, partitionCount: partitions, config: config.map { ConfigEntry(name: $0.key, value: $0.value) })
    return try #require(try await call(.adminServiceCreateTopic, request, as: CreateTopicResponse.self).topic)
  }

  func produce(
    _ targets: [ProduceTarget], acks: Acks = .unspecified
  ) async throws -> [ProduceResult] {
    try await call(.logServiceProduce, ProduceRequest(acks: acks, targets: targets), as: ProduceResponse.self).results
  }

  /// Produces to partition 0 of a topic; the one result.
  func produce(_ batches: [RecordBatch], to topic: String = "orders", partition: UInt32 = 0) async throws
    -> ProduceResult
  {
    let results = try await produce([ProduceTarget(topic: topic, partition: partition, batches: batches)])
    #expect(results.count == 1)
    return try #require(results.first)
  }

  func produce(
    records: [ProduceRecord], to topic: String = "orders", partition: UInt32? = nil
  ) async throws -> [RecordResult] {
    let results = try await produce([ProduceTarget(topic: topic, partition: partition, records: records)])
    #expect(results.count == 1)
    let result = try #require(results.first)
    #expect(result.error == nil)
    return result.records
  }

  func fetch(_ request: FetchRequest) async throws -> [FetchedPartition] {
    try await call(.logServiceFetch, request, as: FetchResponse.self).partitions
  }

  /// Fetches from one partition.
  func fetch(
    _ topic: String = "orders", partition: UInt32 = 0, from offset: Int64 = 0, maxBytes: UInt32 = 0,
    decode: Bool = false
  ) async throws -> FetchedPartition {
    let request = FetchRequest(
      targets: [FetchTarget(topic: topic, partition: partition, offset: offset)], maxBytes: maxBytes, decode: decode)
    let partitions = try await fetch(request)
    #expect(partitions.count == 1)
    return try #require(partitions.first)
  }

  /// Sends a fetch of one partition that may wait.
  func sendFetch(
    _ targets: [FetchTarget] = [FetchTarget(topic: "orders")], minBytes: UInt32 = 0, maxWaitMs: UInt32 = 10_000
  ) async throws -> CallID {
    let request = FetchRequest(targets: targets, minBytes: minBytes, maxWaitMs: maxWaitMs)
    return await connection.send([(.logServiceFetch, try request.encoded())])[0]
  }
}

/// Runs `body` with a broker over a store in memory.
func withFixture(
  door: Door = .native, topicDefaults: TopicDefaults = .none, fetchLimits: FetchPurgatory.Limits = .init(),
  _ body: (Fixture) async throws -> Void
) async throws {
  let clock = ManualClock()
  let store = ProbeLogStore(InMemoryLogStore(clock: clock))
  let broker = try await Broker.testing(
    over: store, clock: clock, topicDefaults: topicDefaults, fetchLimits: fetchLimits)
  let connection = FakeCallConnection(to: broker.dispatcher, door: door)
  do {
    try await body(Fixture(clock: clock, store: store, broker: broker, connection: connection))
    await connection.close()
  } catch {
    await connection.close()
    throw error
  }
}

extension ManualClock {
  /// Where every fixture's clock stands at first.
  static let startMs: Int64 = 1_700_000_000_000
}

/// A batch as a producer sends it; each value is a record.
func batch(
  _ values: [String], timestampMs: Int64 = ManualClock.startMs, compression: Compression = .none
) throws -> RecordBatch {
  var builder = RecordSetBuilder(baseTimestampMs: timestampMs)
  for value in values { builder.append(key: nil, value: ByteBuffer(string: value), timestampMs: timestampMs) }
  return try builder.build(compression: compression).message
}

/// A batch of a producer.
func batch(_ values: [String], producer: Int64, epoch: UInt32 = 0, sequence: UInt32) throws -> RecordBatch {
  var message = try batch(values)
  message.producerID = producer
  message.producerEpoch = epoch
  message.baseSequence = sequence
  return message
}

/// A batch of one record with a value of `byteCount` bytes.
func batch(ofBytes byteCount: Int, compression: Compression = .none) throws -> RecordBatch {
  try batch([String(repeating: "x", count: byteCount)], compression: compression)
}

func record(
  _ value: String, key: String? = nil, partition: UInt32? = nil, timestampMs: Int64? = nil
) -> ProduceRecord {
  ProduceRecord(
    key: key.map { ByteBuffer(string: $0) }, value: ByteBuffer(string: value), timestampMs: timestampMs,
    partition: partition)
}

extension FetchedPartition {
  /// The values of decoded records.
  var values: [String] { records.map { $0.value.map { String(buffer: $0) } ?? "" } }
}
