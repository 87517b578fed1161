import ArgumentParser
import CTailraceBench
import Foundation
import NIOCore
import TailraceClient

/// `tailrace bench sdk`: the Swift SDK with its default settings, its loops as a user would write them.
struct BenchSDK: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sdk", abstract: "The Swift SDK's producer and consumer, with default settings.",
    discussion: """
      One producer enqueues records one by one into one partition, kept in the page cache, and is closed; then one \
      consumer reads all of them, record by record.
      """)

  @OptionGroup var options: BenchOptions

  @Option(parsing: .unconditional, help: "Bytes of a record's value.")
  var recordSize: Int = 1024

  @Option(parsing: .unconditional, help: "Records of a round.")
  var records: Int = 1_000_000

  @Option(help: "How often they are read, by one consumer after the other.")
  var reads: Int = 1

  @Option(help: "Measure only this: produce or consume.")
  var only: Part?

  enum Part: String, ExpressibleByArgument, CaseIterable {
    case produce
    case consume
  }

  func validate() throws {
    guard (0...(1 << 20)).contains(recordSize), records > 0, records <= (2 << 30) / (recordSize + 64) else {
      throw ValidationError("--record-size is up to 1048576, and --records make up to 2 GiB")
    }
    guard (1...1_000).contains(reads) else { throw ValidationError("--reads is 1 to 1000") }
  }

  func run() async throws {
    for _ in 0..<options.rounds {
      try await options.withBroker { broker in
        try await BenchTopic.create(on: broker, durability: "os")
        let client = try Client(ClientConfiguration(server: "\(broker.host):\(broker.port)"))
        try await measure(.produce, broker) { try await produce(client) }
        try await BenchTopic.check(on: broker, holds: UInt64(records))
        for _ in 0..<reads { try await measure(.consume, broker) { try await consume(client) } }
        await client.close()
      }
    }
  }

  private func produce(_ client: Client) async throws {
    let value = ByteBuffer(repeating: 0x61, count: recordSize)
    try await withProducer(client) { producer in
      for _ in 0..<records {
        try await producer.enqueue(ProducerRecord(value: value), to: BenchTopic.name)
      }
    }
  }

  private func consume(_ client: Client) async throws {
    let all = ConsumerConfiguration(.partitions([TopicPartition(BenchTopic.name, 0)]))
    var (count, bytes) = (0, 0)
    try await withConsumer(client, all) { consumer in
      for try await record in consumer.records {
        bytes += record.value?.readableBytes ?? 0
        count += 1
        if count == records { break }
      }
    }
    guard bytes == records * recordSize else { throw BenchError(description: "\(bytes) bytes were read") }
  }

  private func measure(_ part: Part, _ broker: BenchTarget, _ body: () async throws -> Void) async throws {
    let (clientCPU, serverCPU) = (Self.cpuSeconds, broker.cpuSeconds)
    let start = ContinuousClock.now
    try await body()
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    guard only == nil || only == part else { return }
    let result = LoadResult(
      calls: UInt64(records), seconds: elapsed, bytesReceived: 0, clientCPUSeconds: Self.cpuSeconds - clientCPU,
      serverCPUSeconds: broker.cpuSeconds - serverCPU, latencies: LoadResult.noLatencies)
    options.output.print(
      BenchLine(
        name: "sdk \(part.rawValue)", settings: [("record_size", "\(recordSize)")], result: result, recordsPerCall: 1,
        bytesPerCall: recordSize, serverResidentBytes: broker.residentBytes))
  }

  /// User and system time of this process so far.
  private static var cpuSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
