import DequeModule
import NIOCore
import TailraceClient
import TailraceWire

/// Records that are printed and written together.
struct PrintPiece: Sendable {
  var output: StandardOutput
  /// How far each partition is read once this is written.
  var positions: [TopicPartition: ReadPosition] = [:]
}

/// What was fetched and is not printed yet, in order.
struct PrintQueue {
  /// A piece ends at the record that reaches this many bytes. As much as a pipe holds: of a piece that is not written to
  /// its end nothing is committed.
  static let pieceBytes = 64 << 10

  private var batches: Deque<FetchedRecords> = []
  private var printer: RecordPrinter
  /// Records that may still be printed; nil: no bound.
  private(set) var left: Int?
  /// Bytes of the batches, as they were fetched.
  private(set) var pendingBytes = 0
  private var failure: CommandFailure?

  init(printer: RecordPrinter, limit: Int?) {
    self.printer = printer
    left = limit
  }

  var isEmpty: Bool { batches.isEmpty && failure == nil }

  mutating func add(_ more: [FetchedBatch]) {
    for fetched in more {
      batches.append(FetchedRecords(fetched))
      pendingBytes += fetched.records.readableBytes
    }
  }

  /// Prints nothing more of these partitions.
  mutating func remove(_ partitions: Set<TopicPartition>) {
    batches.removeAll { partitions.contains($0.batch.partition) }
    pendingBytes = batches.reduce(0) { $0 + $1.batch.records.readableBytes }
  }

  mutating func removeAll() {
    batches.removeAll()
    pendingBytes = 0
    failure = nil
  }

  /// The next piece, to be written to `descriptor`; nil where there is none. Fails at a batch that is damaged, after
  /// what is whole before it.
  mutating func next(for descriptor: Descriptor = .standardOutput) throws(CommandFailure) -> PrintPiece? {
    if let failure { throw failure }
    var piece = PrintPiece(output: StandardOutput(descriptor: descriptor))
    while left != 0, piece.output.bytes.count < Self.pieceBytes, var records = batches.popFirst() {
      do throws(CommandFailure) {
        let isDone = try print(&records, to: &piece)
        if isDone { pendingBytes -= records.batch.records.readableBytes } else { batches.prepend(records) }
      } catch {
        guard !piece.positions.isEmpty else { throw error }
        failure = error
        return piece
      }
    }
    return piece.positions.isEmpty ? nil : piece
  }

  /// True where nothing is left of the batch.
  private mutating func print(_ records: inout FetchedRecords, to piece: inout PrintPiece) throws(CommandFailure)
    -> Bool
  {
    let batch = records.batch
    while let record = try records.next() {
      if try printer.print(record, to: &piece.output) { left = left.map { $0 - 1 } }
      piece.positions[batch.partition] = ReadPosition(offset: record.offset + 1, epoch: batch.header.partitionEpoch)
      guard left != 0, piece.output.bytes.count < Self.pieceBytes else { return false }
    }
    // Behind the last record may be offsets without one.
    piece.positions[batch.partition] = ReadPosition(
      offset: batch.wanted.upperBound, epoch: batch.header.partitionEpoch)
    return true
  }
}
