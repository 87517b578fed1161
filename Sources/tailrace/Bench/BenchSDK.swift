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
      consumer reads all of them, record by record. Records of the warm-up come before those that are counted.
      """)

  @OptionGroup var options: BenchOptions

  @Option(parsing: .unconditional, help: "Bytes of a record's value.")
  var recordSize: Int = 1024

  @Option(parsing: .unconditional, help: "Records of a round that are counted; as many, at most, warm up.")
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
      throw ValidationError(
        "--record-size is up to 1048576, and --records make up to 2 GiB; the warm-up at most as many more")
    }
    guard (1...1_000).contains(reads) else { throw ValidationError("--reads is 1 to 1000") }
  }

  func run() async throws {
    for _ in 0..<options.rounds {
      try await options.withBroker { broker in
        try await BenchTopic.create(on: broker, durability: "os")
        let client = try Client(ClientConfiguration(server: "\(broker.host):\(broker.port)"))
        let warmUp = try await produce(client, broker)
        try await BenchTopic.check(on: broker, holds: UInt64(warmUp + records))
        if only != .produce {
          for _ in 0..<reads { try await consume(client, broker, warmUp: warmUp) }
        }
        await client.close()
      }
    }
  }

  /// Counts from a flush to the close. Returns how many records were stored before.
  private func produce(_ client: Client, _ broker: BenchTarget) async throws -> Int {
    let value = ByteBuffer(repeating: 0x61, count: recordSize)
    return try await withProducer(client) { producer in
      let start = ContinuousClock.now
      var warmUp = 0
      while warmUp < records, warmUp % 1_000 != 0 || ContinuousClock.now - start < .seconds(options.warmUp) {
        try await producer.enqueue(ProducerRecord(value: value), to: BenchTopic.name)
        warmUp += 1
      }
      try await producer.flush()
      let meter = Meter(broker)
      for _ in 0..<records {
        try await producer.enqueue(ProducerRecord(value: value), to: BenchTopic.name)
      }
      try await producer.close()
      report(.produce, meter, broker)
      return warmUp
    }
  }

  /// Counts from the record behind those that warmed up to the last.
  private func consume(_ client: Client, _ broker: BenchTarget, warmUp: Int) async throws {
    let all = ConsumerConfiguration(.partitions([TopicPartition(BenchTopic.name, 0)]))
    try await withConsumer(client, all) { consumer in
      var meter = Meter(broker)
      var (count, bytes) = (0, 0)
      for try await record in consumer.records {
        if count == warmUp { meter = Meter(broker) }
        bytes += record.value?.readableBytes ?? 0
        count += 1
        if count == warmUp + records { break }
      }
      guard bytes == count * recordSize else { throw BenchError(description: "\(bytes) bytes were read") }
      report(.consume, meter, broker)
    }
  }

  /// What the time and the processor showed when counting began.
  private struct Meter {
    let start = ContinuousClock.now
    let clientCPU = BenchSDK.cpuSeconds
    let serverCPU: Double

    init(_ broker: BenchTarget) { serverCPU = broker.cpuSeconds }
  }

  private func report(_ part: Part, _ meter: Meter, _ broker: BenchTarget) {
    let elapsed = (ContinuousClock.now - meter.start) / .seconds(1)
    guard only == nil || only == part else { return }
    let result = LoadResult(
      calls: UInt64(records), seconds: elapsed, bytesReceived: 0, clientCPUSeconds: Self.cpuSeconds - meter.clientCPU,
      serverCPUSeconds: broker.cpuSeconds - meter.serverCPU, latencies: LoadResult.noLatencies)
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
