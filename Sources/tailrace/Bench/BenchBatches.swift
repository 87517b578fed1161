import ArgumentParser
import NIOCore
import TailraceClient
import TailraceWire

/// The acks that a benchmark may ask for.
enum BenchAcks: String, ExpressibleByArgument, CaseIterable {
  case written
  case durable

  var wire: Acks { self == .written ? .written : .durable }

  /// The durability of the topic that is written to.
  var durability: String { self == .durable ? "durable" : "os" }
}

/// The batches that are produced: all alike.
struct BenchBatches: ParsableArguments {
  @Option(parsing: .unconditional, help: "Bytes of a record's value.")
  var recordSize: Int = 1_024

  @Option(help: "Bytes of a batch, at most.")
  var batchSize: Int = 65_536

  @Option(parsing: .unconditional, help: "Records of a batch, and so of a request, at most; 0: as many as fit.")
  var recordsPerBatch: Int = 0

  func validate() throws {
    guard (0...1_000_000).contains(recordSize), (1_024...1_048_576).contains(batchSize), recordSize + 512 < batchSize
    else { throw ValidationError("--batch-size is 1024 to 1048576, --record-size at least 512 less") }
    guard (0...1_000_000).contains(recordsPerBatch) else {
      throw ValidationError("--records-per-batch is \(recordsPerBatch); it is 0 to 1000000")
    }
  }

  /// As many records as fit and were asked for.
  func make() throws -> ValidatedBatch {
    try Self.make(recordSize: recordSize, count: recordsPerBatch == 0 ? .max : recordsPerBatch, batchSize: batchSize)
  }

  /// At most `count` records, at least one, in about `batchSize` bytes at most.
  static func make(recordSize: Int, count: Int, batchSize: Int) throws -> ValidatedBatch {
    var builder = RecordSetBuilder(baseTimestampMs: 1_700_000_000_000)
    let value = ByteBuffer(repeating: 0x5a, count: recordSize)
    repeat {
      builder.append(key: nil, value: value, timestampMs: 1_700_000_000_000)
    } while builder.count < count && builder.byteCount + recordSize + 16 <= batchSize
    return try builder.build()
  }
}
