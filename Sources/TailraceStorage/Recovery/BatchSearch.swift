internal import TailraceWire

/// Looks for valid batches past a damaged place: they tell how far the log was once on disk.
///
/// Its work is bounded by the bytes searched, whatever lies there: each byte is looked at once for a batch's beginning,
/// and record checksums are made over at most `maxChecksums` times as many.
struct BatchSearch {
  /// How often over, at most, all searched bytes are put through a record checksum. Once is what real batches cost; the
  /// rest is for headers that stand in a record's value and claim what follows them.
  static let maxChecksums = 4

  var scanner: BatchScanner
  let byteCount: Int
  /// The offset that belongs where the damage begins.
  let expected: Offset
  /// Bytes of records put through a checksum so far.
  private(set) var checksummedBytes = 0

  init(scanner: BatchScanner, byteCount: Int, expected: Offset) {
    self.scanner = scanner
    self.byteCount = byteCount
    self.expected = expected
  }

  /// What a search came to.
  struct Result: Equatable {
    /// The highest `durable_end` of a valid batch; zero where there is none.
    var provenEnd: Offset
    /// Whether the search was broken off at its bound: what it did not see may prove more.
    var isBrokenOff = false
  }

  /// Searches from `start` to the file's end.
  ///
  /// Only a batch that is whole is stepped over. A header proves nothing of where the next one stands: it may be part of
  /// a record's value, and claim bytes that hold real batches. So after any candidate that fails the search goes on at
  /// the next byte. A value that holds whole batches, or very many headers, can then cost a start that a person must
  /// look at, never data.
  mutating func search(from start: Int) throws(StorageError) -> Result {
    do throws(BatchScanner.Fault) {
      var result = Result(provenEnd: .zero)
      var position = start
      let (product, overflow) = max(0, byteCount - start).multipliedReportingOverflow(by: Self.maxChecksums)
      let budget = overflow ? Int.max : product
      while let candidate = try scanner.nextTag(from: position) {
        position = candidate + 1
        guard let batch = try scanner.headerIfAny(at: candidate), batch.end <= byteCount, isPlausible(batch) else {
          continue
        }
        let recordBytes = Int(batch.header.recordsLength)
        guard recordBytes <= budget - checksummedBytes else {
          result.isBrokenOff = true
          break
        }
        checksummedBytes += recordBytes
        guard try scanner.recordsChecksum(of: batch) == batch.header.recordsCRC32C else { continue }
        result.provenEnd = max(result.provenEnd, batch.header.durableEnd)
        position = batch.end
      }
      return result
    } catch {
      switch error {
      case .unreadable(let cause): throw StorageError(cause, while: "recovering a partition")
      case .notABatch(let reason): throw StorageError(.inputOutput, "recovering a partition: \(reason)")
      }
    }
  }

  private func isPlausible(_ batch: BatchScanner.Batch) -> Bool {
    batch.header.batchByteCount <= LogConfig.maxBatchBytesCeiling && batch.header.baseOffset > expected
      && batch.header.durableEnd <= batch.header.baseOffset
  }
}
