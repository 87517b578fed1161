import ArgumentParser
import Foundation
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace bench fetch`: one consumer reads what was produced, against a C server that sends the same bytes by sendfile.
struct BenchFetch: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Read a partition, against a C sendfile server of as many bytes.")

  @OptionGroup var options: BenchOptions
  @OptionGroup var batches: BenchBatches

  @Option(help: "Consumers, each with a connection of its own.")
  var connections: Int = 1

  @Option(help: "Fetches in flight on each connection.")
  var depth: Int = 2

  @Option(help: "Bytes of a fetch, at most.")
  var fetchBytes: Int = 1 << 20

  @Option(help: "Bytes of the partition.")
  var partitionBytes: UInt64 = 512 << 20

  func validate() throws {
    guard (1...1_000).contains(connections), (1...64).contains(depth), (65_536...8_388_608).contains(fetchBytes),
      (64 << 20...2 << 30).contains(partitionBytes), fetchBytes >= batches.batchSize
    else {
      throw ValidationError(
        "--depth is 1 to 64, --fetch-bytes 65536 to 8388608, --partition-bytes 67108864 to 2147483648")
    }
  }

  func run() async throws {
    let batch = try batches.make()
    try await options.withBroker { broker in
      try await BenchTopic.create(on: broker, durability: "os")
      let frames = try fetchFrames(batch, batchCount: try fill(broker, batch))
      try await options.withTemporaryDirectory { path in
        let file = path + "/file"
        try Data(repeating: 0x5a, count: Int(partitionBytes)).write(to: URL(fileURLWithPath: file))
        let reference = try BenchProcess(
          ["bench-reference", "file", "--path", file, "--bytes", "\(bytesPerFetch(batch))"])
        defer { reference.stop() }
        var rates = Rates()
        for _ in 0..<options.rounds {
          rates.add(
            broker: try measure("fetch", broker, frames, batch),
            reference: try measure("fetch, C sendfile", reference.target, frames, batch))
        }
        options.output.print(ratio: rates.ratio, of: "bytes/s, broker / C sendfile")
      }
    }
  }

  /// Produces the partition; returns how many batches it has.
  private func fill(_ broker: BenchTarget, _ batch: ValidatedBatch) throws -> Int {
    let depth = 8
    var frames = LoadFrames(depth: depth)
    for _ in 0..<depth {
      try frames.append(.logServiceProduce, BenchTopic.produceRequest(batch, acks: .written))
    }
    let result = try Load(
      target: broker, connections: 1, frames: frames, warmUpSeconds: 0, seconds: 600,
      maxCalls: partitionBytes / UInt64(batch.byteCount)
    ).run()
    return Int(result.calls)
  }

  private func batchesPerFetch(_ batch: ValidatedBatch) -> Int { max(1, fetchBytes / batch.byteCount) }

  private func bytesPerFetch(_ batch: ValidatedBatch) -> Int { batchesPerFetch(batch) * batch.byteCount }

  private func fetchFrames(_ batch: ValidatedBatch, batchCount: Int) throws -> LoadFrames {
    var frames = LoadFrames(depth: depth)
    let step = batchesPerFetch(batch)
    for first in stride(from: 0, through: batchCount - step, by: step) {
      let offset = Int64(first) * Int64(batch.header.recordCount)
      let target = FetchTarget(topic: BenchTopic.name, partition: 0, offset: offset)
      try frames.append(.logServiceFetch, FetchRequest(targets: [target], maxBytes: UInt32(bytesPerFetch(batch))))
    }
    frames.trim()
    return frames
  }

  private func measure(
    _ name: String, _ target: BenchTarget, _ frames: LoadFrames, _ batch: ValidatedBatch
  ) throws -> LoadResult {
    let result = try Load(
      target: target, connections: connections, frames: frames, warmUpSeconds: options.warmUp,
      seconds: options.seconds
    ).run()
    let bytes = Int(result.bytesReceived / result.calls)
    guard bytes >= bytesPerFetch(batch) else {
      throw BenchError(description: "\(name): answers of \(bytes) bytes, not \(bytesPerFetch(batch))")
    }
    options.output.print(
      BenchLine(
        name: name,
        settings: [
          ("connections", "\(connections)"), ("depth", "\(depth)"), ("fetch_bytes", "\(fetchBytes)"),
          ("record_size", "\(batches.recordSize)"),
        ], result: result, recordsPerCall: batchesPerFetch(batch) * Int(batch.header.recordCount), bytesPerCall: bytes,
        serverResidentBytes: target.residentBytes))
    return result
  }
}
