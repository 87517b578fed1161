import NIOCore
import TailraceStorage
import TailraceWire

/// Chooses what of a walk over a segment is printed, and prints it.
struct SegmentDump {
  private var printer: DumpPrinter
  private let withRecords: Bool
  private let from: Offset
  /// Batches, or records, still to be printed; nil: no bound.
  private var left: Int?
  private var output = StandardOutput()
  /// Where the first damage is, and what; nil where none was met.
  private(set) var firstDamage: String?

  /// Output is written at this many bytes.
  private static let outputBytes = 256 << 10

  init(printer: DumpPrinter, withRecords: Bool, from: Offset, left: Int?) {
    self.printer = printer
    self.withRecords = withRecords
    self.from = from
    self.left = left
  }

  /// Whether as much was printed as was asked for.
  var isDone: Bool { left == 0 }

  mutating func flush() throws(CommandFailure) { try output.flush() }

  mutating func take(_ step: SegmentWalker.Step, _ walker: inout SegmentWalker) throws(CommandFailure) {
    switch step {
    case .batch(let batch): try take(batch, &walker)
    case .damage(let damage): note(damage.range.lowerBound, damage.range.upperBound, damage.reason)
    case .searching: break
    case .unused(let range):
      StandardError.write(
        "tailrace: positions \(range.lowerBound) to \(range.upperBound) are zeros: room that is not used\n")
    }
    if output.bytes.count >= Self.outputBytes { try output.flush() }
  }

  private mutating func take(
    _ batch: SegmentWalker.Batch, _ walker: inout SegmentWalker
  ) throws(CommandFailure) {
    guard let last = batch.header.lastOffset, last >= from else { return }
    printer.print(batch, to: &output)
    if !withRecords { left = left.map { $0 - 1 } }
    guard batch.hasIntactRecords else {
      return note(batch.position, batch.end, "the records do not match their checksum")
    }
    if withRecords { try printRecords(of: batch, &walker) }
  }

  private mutating func printRecords(
    of batch: SegmentWalker.Batch, _ walker: inout SegmentWalker
  ) throws(CommandFailure) {
    if batch.header.recordCount == 0, batch.header.recordsLength == 0 { return }
    guard let records = walker.records(of: batch) else {
      return note(batch.position, batch.end, "a batch of \(batch.header.batchByteCount) bytes is too large to be read")
    }
    do throws(RecordBatchError) {
      var reader = try RecordBatchReader(header: batch.header, records: records)
      while left != 0, let record = try reader.next() {
        guard record.offset >= from else { continue }
        printer.print(record, to: &output)
        left = left.map { $0 - 1 }
      }
    } catch {
      note(batch.position, batch.end, error.message)
    }
  }

  private mutating func note(_ position: Int, _ end: Int, _ reason: String) {
    printer.printDamage(at: position, end: end, reason, to: &output)
    if firstDamage == nil { firstDamage = "position \(position): \(reason)" }
  }
}
