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

  private struct Batch {
    let fetched: FetchedBatch
    /// Once it is begun.
    var reader: RecordBatchReader?
  }

  private var batches: Deque<Batch> = []
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
      batches.append(Batch(fetched: fetched))
      pendingBytes += fetched.records.readableBytes
    }
  }

  /// Prints nothing more of these partitions.
  mutating func remove(_ partitions: Set<TopicPartition>) {
    batches.removeAll { partitions.contains($0.fetched.partition) }
    pendingBytes = batches.reduce(0) { $0 + $1.fetched.records.readableBytes }
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
    while left != 0, piece.output.bytes.count < Self.pieceBytes, var batch = batches.popFirst() {
      let partition = batch.fetched.partition
      do throws(RecordBatchError) {
        let isDone = try print(&batch, to: &piece)
        if isDone { pendingBytes -= batch.fetched.records.readableBytes } else { batches.prepend(batch) }
      } catch {
        let found = CommandFailure(error).with(prefix: "\(partition.words): ")
        guard !piece.positions.isEmpty else { throw found }
        failure = found
        return piece
      }
    }
    return piece.positions.isEmpty ? nil : piece
  }

  /// True where nothing is left of the batch.
  private mutating func print(_ batch: inout Batch, to piece: inout PrintPiece) throws(RecordBatchError) -> Bool {
    let fetched = batch.fetched
    var reader =
      if let begun = batch.reader { begun } else {
        try RecordBatchReader(header: fetched.header, records: fetched.records)
      }
    while let record = try reader.next() {
      guard fetched.wanted.contains(record.offset.rawValue) else { continue }
      printer.print(record, of: fetched.partition, to: &piece.output)
      left = left.map { $0 - 1 }
      piece.positions[fetched.partition] = ReadPosition(
        offset: record.offset.rawValue + 1, epoch: fetched.header.partitionEpoch)
      guard left != 0, piece.output.bytes.count < Self.pieceBytes else {
        batch.reader = reader
        return false
      }
    }
    // Behind the last record may be offsets without one.
    piece.positions[fetched.partition] = ReadPosition(
      offset: fetched.wanted.upperBound, epoch: fetched.header.partitionEpoch)
    return true
  }
}
