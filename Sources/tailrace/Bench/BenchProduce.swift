import ArgumentParser
import CTailraceBench
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace bench produce`: batches into one partition, against plain buffered writes of as many bytes.
struct BenchProduce: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "produce", abstract: "Batches into one partition, against buffered writes into a plain file.")

  @OptionGroup var options: BenchOptions
  @OptionGroup var batches: BenchBatches

  @Option(help: "Connections.")
  var connections: Int = 1

  @Option(help: "Batches in flight on each connection.")
  var depth: Int = 8

  @Option(help: "written or durable.")
  var acks: BenchAcks = .written

  @Option(help: "Bytes written in a round, at most; a round ends early there.")
  var maxBytes: UInt64 = 1 << 30

  func validate() throws {
    guard (1...1_000).contains(connections), (1...1_000).contains(depth), maxBytes <= 2 << 30 else {
      throw ValidationError("--connections and --depth are 1 to 1000, --max-bytes is up to 2147483648")
    }
  }

  func run() async throws {
    let batch = try batches.make()
    var produced: [Double] = []
    var written: [Double] = []
    for _ in 0..<options.rounds {
      let result = try await options.withBroker { broker in
        try await BenchTopic.create(on: broker, durability: acks == .durable ? "durable" : "os")
        return try measure(broker, batch)
      }
      produced.append(result.callsPerSecond * Double(batch.byteCount))
      written.append(try await writeFile(bytes: maxBytes))
    }
    options.output.print(ratio: median(produced) / median(written), of: "bytes/s, broker / buffered file writes")
  }

  private func measure(_ broker: BenchTarget, _ batch: ValidatedBatch) throws -> LoadResult {
    var frames = LoadFrames(depth: depth)
    let request = BenchTopic.produceRequest(batch, acks: acks.wire)
    for _ in 0..<depth { try frames.append(.logServiceProduce, request) }
    let result = try Load(
      target: broker, connections: connections, frames: frames, warmUpSeconds: 0, seconds: options.seconds,
      maxCalls: maxBytes / UInt64(batch.byteCount)
    ).run()
    options.output.print(
      BenchLine(
        name: "produce",
        settings: [
          ("connections", "\(connections)"), ("depth", "\(depth)"), ("acks", acks.rawValue),
          ("record_size", "\(batches.recordSize)"), ("batch_size", "\(batches.batchSize)"),
        ], result: result, recordsPerCall: Int(batch.header.recordCount), bytesPerCall: batch.byteCount,
        serverResidentBytes: broker.residentBytes))
    return result
  }

  /// Bytes per second of plain writes.
  private func writeFile(bytes: UInt64) async throws -> Double {
    try await options.withTemporaryDirectory { path in
      let seconds = ctb_write_file(path + "/file", bytes, batches.batchSize)
      guard seconds > 0 else {
        throw BenchError(description: "cannot write \(path): \(SystemError(code: Int32(-seconds)))")
      }
      options.output.print(ratio: Double(bytes) / seconds / 1e6, of: "buffered file writes, MB/s")
      return Double(bytes) / seconds
    }
  }
}

/// The acks that a benchmark may ask for.
enum BenchAcks: String, ExpressibleByArgument, CaseIterable {
  case written
  case durable

  var wire: Acks { self == .written ? .written : .durable }
}

/// The batches that are produced: all alike.
struct BenchBatches: ParsableArguments {
  @Option(help: "Bytes of a record's value.")
  var recordSize: Int = 1_024

  @Option(help: "Bytes of a batch, at most.")
  var batchSize: Int = 65_536

  func validate() throws {
    guard (0...1_000_000).contains(recordSize), (1_024...1_048_576).contains(batchSize), recordSize + 512 < batchSize
    else { throw ValidationError("--batch-size is 1024 to 1048576, --record-size at least 512 less") }
  }

  /// As many records as fit.
  func make() throws -> ValidatedBatch {
    var builder = RecordSetBuilder(baseTimestampMs: 1_700_000_000_000)
    let value = ByteBuffer(repeating: 0x5a, count: recordSize)
    repeat {
      builder.append(key: nil, value: value, timestampMs: 1_700_000_000_000)
    } while builder.byteCount
      + recordSize + 16 <= batchSize
    return try builder.build()
  }
}
