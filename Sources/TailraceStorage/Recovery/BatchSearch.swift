internal import TailraceWire

/// Looks for valid batches past a damaged place: they tell how far the log was once on disk.
struct BatchSearch {
  var scanner: BatchScanner
  let byteCount: Int
  /// The offset that belongs where the damage begins.
  let expected: Offset

  /// The highest `durable_end` of a valid batch at or after `start`; zero where there is none.
  ///
  /// Only a batch that is whole is stepped over. A header proves nothing of where the next one stands: it may be part of
  /// a record's value, and claim bytes that hold real batches. So after any candidate that fails the search goes on at
  /// the next byte. A value that holds whole batches can then cost a start that a person must look at, never data.
  mutating func provenEnd(from start: Int) throws(StorageError) -> Offset {
    do throws(BatchScanner.Fault) {
      var proven = Offset.zero
      var position = start
      while let candidate = try scanner.nextTag(from: position) {
        guard let batch = try header(at: candidate), batch.end <= byteCount, isPlausible(batch),
          try scanner.recordsChecksum(of: batch) == batch.header.recordsCRC32C
        else {
          position = candidate + 1
          continue
        }
        proven = max(proven, batch.header.durableEnd)
        position = batch.end
      }
      return proven
    } catch {
      switch error {
      case .unreadable(let cause): throw StorageError(cause, while: "recovering a partition")
      case .notABatch(let reason): throw StorageError(.inputOutput, "recovering a partition: \(reason)")
      }
    }
  }

  /// Nil where no header stands at `position`.
  private mutating func header(at position: Int) throws(BatchScanner.Fault) -> BatchScanner.Batch? {
    guard byteCount - position >= RecordBatchHeader.byteCount else { return nil }
    do throws(BatchScanner.Fault) {
      return try scanner.parseHeader(at: position)
    } catch {
      guard case .notABatch = error else { throw error }
      return nil
    }
  }

  private func isPlausible(_ batch: BatchScanner.Batch) -> Bool {
    batch.header.baseOffset > expected && batch.header.durableEnd <= batch.header.baseOffset
  }
}
