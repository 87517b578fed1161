import ArgumentParser
import CTailraceBench
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace bench produce`: batches into one partition, against plain writes of as many bytes.
///
/// Acknowledged as durable, they are held against group commit: a file that grows by as much at a time as the broker can
/// have in flight, each time with a sync.
struct BenchProduce: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "produce", abstract: "Batches into one partition, against a plain file of as many bytes.",
    discussion: """
      With --acks written the file is written batch by batch, without a sync. With --acks durable it is written in \
      groups, connections times depth batches at once, and synced after each: group commit.
      """)

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
    let inFlight = UInt64(connections * depth * (try batches.make().byteCount))
    guard inFlight <= maxBytes else {
      throw ValidationError(
        "--connections times --depth batches are \(inFlight) bytes, more than --max-bytes \(maxBytes)")
    }
  }

  func run() async throws {
    let batch = try batches.make()
    var produced: [Double] = []
    var written: [Double] = []
    for _ in 0..<options.rounds {
      let result = try await options.withBroker { broker in
        try await BenchTopic.create(on: broker, durability: acks.durability)
        return try await measure(broker, batch)
      }
      produced.append(result.callsPerSecond * Double(batch.byteCount))
      written.append(try await writeFile(batch))
    }
    let reference = acks == .durable ? "group commit into a raw file" : "buffered file writes"
    options.output.print(ratio: median(produced) / median(written), of: "bytes/s, broker / \(reference)")
  }

  private func settings(_ batch: ValidatedBatch) -> [(String, String)] {
    [
      ("connections", "\(connections)"), ("depth", "\(depth)"), ("acks", acks.rawValue),
      ("record_size", "\(batches.recordSize)"), ("batch_size", "\(batch.byteCount)"),
      ("records_per_batch", "\(batch.header.recordCount)"),
    ]
  }

  private func measure(_ broker: BenchTarget, _ batch: ValidatedBatch) async throws -> LoadResult {
    var frames = LoadFrames(depth: depth)
    let request = BenchTopic.produceRequest(batch, acks: acks.wire)
    for _ in 0..<depth { try frames.append(.logServiceProduce, request) }
    let result = try Load(
      target: broker, connections: connections, frames: frames, warmUpSeconds: 0, seconds: options.seconds,
      maxCalls: maxBytes / UInt64(batch.byteCount)
    ).run()
    try await BenchTopic.check(on: broker, holds: result.calls * UInt64(batch.header.recordCount))
    options.output.print(
      BenchLine(
        name: "produce", settings: settings(batch), result: result, recordsPerCall: Int(batch.header.recordCount),
        bytesPerCall: batch.byteCount, serverResidentBytes: broker.residentBytes))
    return result
  }

  /// Bytes per second of the plain file.
  private func writeFile(_ batch: ValidatedBatch) async throws -> Double {
    try await options.withTemporaryDirectory { directory in
      let isDurable = acks == .durable
      let batchesPerGroup = isDurable ? connections * depth : 1
      let result = try LoadResult.measure(nil) { latencies, capacity, result in
        (directory + "/file").withCString { path in
          var load = ctb_file_load(
            path: path, batch_bytes: batch.byteCount, batches_per_group: UInt32(batchesPerGroup), sync: isDurable,
            seconds: options.seconds, max_bytes: maxBytes)
          return ctb_append_file(&load, latencies, capacity, &result)
        }
      }
      let groupBytes = batchesPerGroup * batch.byteCount
      options.output.print(
        BenchLine(
          name: isDurable ? "produce, C group commit" : "produce, C file writes",
          settings: settings(batch) + [("group_size", "\(groupBytes)")], result: result,
          recordsPerCall: batchesPerGroup * Int(batch.header.recordCount), bytesPerCall: groupBytes))
      return result.callsPerSecond * Double(groupBytes)
    }
  }
}
