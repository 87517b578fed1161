internal import NIOCore
internal import TailraceWire

/// Why compacting ends early.
enum CompactionStop: Error {
  /// It was asked to, or the partition was dropped, closed or trimmed meanwhile.
  case interrupted
  /// For now: no space, no memory, an I/O error.
  case failed(StorageError)
  /// Until the next start: damage, which must not be rewritten away, or a file that is neither here nor there.
  case barred(StorageError)

  init(_ error: FileSystemError) { self = .failed(StorageError(error, while: "compacting")) }

  init(_ error: StorageError) { self = error.kind == .dataLoss ? .barred(error) : .failed(error) }

  /// `path`: of the segment.
  init(_ error: RecordBatchError, in path: String) {
    let message = "\(path): \(error)"
    self =
      error.code == .limitReached ? .failed(StorageError(.full, message)) : .barred(StorageError(.dataLoss, message))
  }
}

/// Walks a finished segment for compaction: every batch where it belongs, up to the segment's end.
struct CompactionReader {
  let source: CompactionPlan.Source
  let file: any File
  let byteCount: Int
  private var scanner: BatchScanner
  private var expected: Offset

  /// What is read at once.
  private static let windowBytes = 1 << 20

  /// From the beginning, or from the batch that spans `offset`, as near as is known.
  init(_ source: CompactionPlan.Source, from offset: Offset = .zero) throws(CompactionStop) {
    self.source = source
    do throws(StorageError) { file = try source.segment.openFile() } catch {
      throw source.segment.isRetired ? .interrupted : CompactionStop(error)
    }
    do throws(FileSystemError) { byteCount = try source.segment.usedByteCount(of: file) } catch {
      throw CompactionStop(error)
    }
    let start = source.segment.floor(of: max(offset, source.base)) ?? IndexedPlace(offset: source.base, position: 0)
    let place = offset > source.base ? start : IndexedPlace(offset: source.base, position: 0)
    scanner = BatchScanner(file: file, from: place.position, byteCount: byteCount, windowBytes: Self.windowBytes)
    expected = place.offset
  }

  /// The next batch, its header checked; nil after the last.
  mutating func next() throws(CompactionStop) -> BatchScanner.Batch? {
    do throws(StorageError) {
      let batch = try scanner.next()
      guard (batch?.header.baseOffset ?? source.end) == expected else {
        throw StorageError(.dataLoss, "offset \(expected) is in no batch of \(file.path)")
      }
      expected = batch?.header.nextOffset ?? expected
      return batch
    } catch {
      throw CompactionStop(error)
    }
  }

  /// The records of the batch that came last, checked and decompressed.
  mutating func records(of batch: BatchScanner.Batch) throws(CompactionStop) -> RecordBatchRewriter {
    let records: ByteBuffer
    do throws(BatchScanner.Fault) { records = try scanner.records(of: batch) } catch {
      throw CompactionStop(scanner.storageError(error))
    }
    do throws(RecordBatchError) {
      return try RecordBatchRewriter(header: batch.header, records: records)
    } catch {
      throw CompactionStop(error, in: file.path)
    }
  }
}
