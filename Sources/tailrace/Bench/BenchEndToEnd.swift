import ArgumentParser
import CTailraceBench
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace bench end-to-end`: one connection produces at a fixed rate, another waits for what comes.
struct BenchEndToEnd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "end-to-end", abstract: "From when a record was due until its consumer has it.",
    discussion: """
      One connection produces records at a fixed rate, each with a request of its own, whatever became of those before. \
      Another fetches, waiting for what comes, and again as soon as it has an answer. Both are one thread. A latency \
      lasts from when the record was due, which stands in it, until its consumer has all of it.
      """)

  @OptionGroup var options: BenchOptions
  @OptionGroup var pace: BenchRate

  @Option(help: "Records that are not acknowledged yet, at most; what is due beyond that waits.")
  var depth: Int = 256

  @Option(help: "Bytes of a record's value.")
  var recordSize: Int = 1_024

  @Option(help: "written or durable.")
  var acks: BenchAcks = .written

  func validate() throws {
    guard (1...1_000).contains(depth), (8...65_536).contains(recordSize) else {
      throw ValidationError("--depth is 1 to 1000, --record-size 8 to 65536")
    }
    try pace.validate(options, recordSize: recordSize)
  }

  func run() async throws {
    let frames = try EndToEndFrames(recordSize: recordSize, depth: depth, acks: acks.wire)
    for _ in 0..<options.rounds {
      try await options.withBroker { broker in
        try await BenchTopic.create(on: broker, durability: acks.durability)
        let result = try measure(broker, frames)
        options.output.print(
          BenchLine(
            name: "end-to-end",
            settings: [
              ("rate", pace.text), ("depth", "\(depth)"), ("acks", acks.rawValue), ("record_size", "\(recordSize)"),
            ], result: result, recordsPerCall: 1, bytesPerCall: recordSize, serverResidentBytes: broker.residentBytes))
      }
    }
  }

  private func measure(_ broker: BenchTarget, _ frames: EndToEndFrames) throws -> LoadResult {
    try LoadResult.measure(broker) { latencies, capacity, result in
      frames.produce.withCFrames { produce in
        frames.fetch.withCFrames { fetch in
          broker.host.withCString { host in
            var setup = ctb_end_to_end(
              address: host, port: broker.port, produce: produce.baseAddress, depth: UInt32(depth),
              value_bytes: recordSize, records_bytes: frames.recordsBytes, crc_bytes: frames.crcBytes,
              fetch: fetch[0], offset_at: frames.offsetAt, rate: pace.rate, warm_up_seconds: options.warmUp,
              seconds: options.seconds)
            return ctb_run_end_to_end(&setup, latencies, capacity, &result)
          }
        }
      }
    }
  }
}

/// The requests of an end-to-end run, and where in them stands what changes from one to the next.
struct EndToEndFrames {
  /// One record each.
  let produce: LoadFrames
  /// A single one.
  let fetch: LoadFrames
  /// The record set is so many bytes, the last of each produce.
  let recordsBytes: Int
  /// The checksum of that begins so many bytes before the end of each produce.
  let crcBytes: Int
  /// The offset, nine bytes, begins here in the fetch.
  let offsetAt: Int

  init(recordSize: Int, depth: Int, acks: Acks) throws {
    let batch = try BenchBatches.make(recordSize: recordSize, count: 1, batchSize: 0)
    var produce = LoadFrames(depth: depth)
    for _ in 0..<depth { try produce.append(.logServiceProduce, BenchTopic.produceRequest(batch, acks: acks)) }
    // The one offset whose varint is as long as it may get.
    let target = FetchTarget(topic: BenchTopic.name, partition: 0, offset: .max)
    var fetch = LoadFrames(depth: 1)
    try fetch.append(
      .logServiceFetch, FetchRequest(targets: [target], minBytes: 1, maxBytes: 1 << 20, maxWaitMs: 1_000))
    let crc = withUnsafeBytes(of: batch.header.recordsCRC32C.littleEndian) { Array($0) }
    // Tags and values as proto/tailrace/v1 has them: RecordBatch.records_crc32c, FetchTarget.offset.
    let crcAt = try Self.place(of: [0x7D] + crc, in: produce.frames[0])
    offsetAt = try Self.place(of: [0x20] + [UInt8](repeating: 0xFF, count: 8) + [0x7F], in: fetch.frames[0])
    crcBytes = produce.frames[0].readableBytes - crcAt
    recordsBytes = batch.records.readableBytes
    self.produce = produce
    self.fetch = fetch
  }

  /// Where the bytes behind the tag of `field` begin, which has to be there once.
  private static func place(of field: [UInt8], in frame: ByteBuffer) throws -> Int {
    let bytes = Array(frame.readableBytesView)
    let places = bytes.indices.filter { bytes[$0...].starts(with: field) }
    guard places.count == 1 else {
      throw BenchError(description: "a request holds what changes \(places.count) times, not once")
    }
    return places[0] + 1
  }
}
