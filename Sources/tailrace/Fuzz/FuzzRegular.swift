import NIOCore
import TailraceClient
import TailraceWire

/// A client that behaves, and checks every byte that it gets back.
struct FuzzRegular {
  static let topic = "fuzz-regular"
  private static let recordsPerBatch = 10

  let connection: Connection
  /// A call may take this long.
  let maxLatency: Duration
  private(set) var recordCount: Int64 = 0
  private(set) var calls = 0
  private(set) var slowest = Duration.zero

  init(connection: Connection, maxLatency: Duration, recordCount: Int64 = 0) {
    self.connection = connection
    self.maxLatency = maxLatency
    self.recordCount = recordCount
  }

  private var log: LogServiceClient<Connection> { LogServiceClient(caller: connection) }
  private var options: CallOptions { CallOptions(timeout: maxLatency) }

  /// Makes this client's topic, and the strangers'.
  func createTopics() async throws {
    for name in [Self.topic, FuzzStrangerScript.topic] {
      _ = try await AdminServiceClient(caller: connection).createTopic(
        CreateTopicRequest(name: name, partitionCount: 1, config: [ConfigEntry(name: "durability", value: "os")]))
    }
  }

  /// Produces a batch and reads it back.
  mutating func step() async throws {
    let first = recordCount
    var builder = RecordSetBuilder(baseTimestampMs: 1_000)
    for index in 0..<Int64(Self.recordsPerBatch) {
      builder.append(key: Self.key(first + index), value: Self.value(first + index), timestampMs: 1_000)
    }
    let request = ProduceRequest(
      acks: .written, targets: [ProduceTarget(topic: Self.topic, partition: 0, batches: [try builder.build().message])])
    let produced = try await timed("produce") { try await $0.produce(request, options: $1) }
    guard let result = produced.results.first, result.error == nil, let batch = result.batches.first, batch.error == nil
    else { throw FuzzFailure("the regular client's produce failed: \(produced)") }
    guard batch.baseOffset == first else {
      throw FuzzFailure("the regular client's batch got offset \(batch.baseOffset), not \(first)")
    }
    recordCount += Int64(Self.recordsPerBatch)
    guard try await check(from: first) == recordCount else { throw FuzzFailure("what was acked cannot be fetched") }
  }

  /// Reads everything from the beginning on.
  mutating func checkAll() async throws {
    var offset: Int64 = 0
    while offset < recordCount {
      let next = try await check(from: offset)
      guard next > offset else { throw FuzzFailure("nothing at offset \(offset) of \(recordCount)") }
      offset = next
    }
    guard offset == recordCount else { throw FuzzFailure("\(offset) records, not \(recordCount)") }
  }

  /// Asks the broker to describe itself.
  mutating func describe() async throws {
    let options = options
    let cluster: DescribeClusterResponse
    do throws(RPCError) {
      cluster = try await AdminServiceClient(caller: connection)
        .describeCluster(DescribeClusterRequest(), options: options)
    } catch {
      throw FuzzFailure("DescribeCluster: \(error)")
    }
    guard cluster.methods.count == RPCMethod.allCases.count else {
      throw FuzzFailure("DescribeCluster tells of \(cluster.methods.count) methods")
    }
  }

  /// Fetches once and checks each record; returns the offset after the last one.
  private mutating func check(from offset: Int64) async throws -> Int64 {
    let request = FetchRequest(targets: [FetchTarget(topic: Self.topic, partition: 0, offset: offset)])
    let fetched = try await timed("fetch") { try await $0.fetch(request, options: $1) }
    guard let partition = fetched.partitions.first, partition.error == nil else {
      throw FuzzFailure("the regular client's fetch failed: \(fetched)")
    }
    var next = offset
    for message in partition.batches {
      let header = try RecordBatchHeader(checking: message)
      var reader = try RecordBatchReader(header: header, records: message.records)
      while let record = try reader.next() {
        // The first batch is whole, also where the offset asked for lies inside it.
        if record.offset.rawValue < offset { continue }
        guard record.offset.rawValue == next, record.key == Self.key(next), record.value == Self.value(next) else {
          throw FuzzFailure("a wrong record at offset \(next)")
        }
        next += 1
      }
    }
    return next
  }

  private mutating func timed<R>(
    _ name: String, _ call: (LogServiceClient<Connection>, CallOptions) async throws -> R
  ) async throws -> R {
    let start = ContinuousClock.now
    let result: R
    do {
      result = try await call(log, options)
    } catch let error as RPCError {
      throw FuzzFailure("the regular client's \(name), call \(calls): \(error)")
    }
    let took = ContinuousClock.now - start
    calls += 1
    slowest = max(slowest, took)
    guard took <= maxLatency else { throw FuzzFailure("a \(name) took \(took); the bound is \(maxLatency)") }
    return result
  }

  private static func key(_ number: Int64) -> ByteBuffer { ByteBuffer(string: "key-\(number % 17)") }

  /// A value that tells its offset, of lengths up to some 200 bytes.
  private static func value(_ number: Int64) -> ByteBuffer {
    ByteBuffer(string: "record \(number) " + String(repeating: "\(number % 10)", count: Int(number % 190)))
  }
}
