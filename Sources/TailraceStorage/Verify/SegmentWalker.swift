package import NIOCore
package import TailraceWire

/// Walks a segment file batch by batch, and past damage: where bytes are no batch it looks for the next one.
///
/// Memory is bounded by the window and one batch. What a search past damage costs is bounded by the bytes of the file,
/// whatever lies there, see BatchSearch: each byte is looked at once, and record checksums are made over at most
/// `BatchSearch.maxChecksums` times the file. Each step is bounded too, so that a walk can be paused anywhere.
package struct SegmentWalker {
  /// A batch whose header is in order.
  package struct Batch: Sendable, Hashable {
    package let header: RecordBatchHeader
    /// Bytes from the file's beginning.
    package let position: Int
    /// Whether the records match their checksum.
    package let hasIntactRecords: Bool

    package var end: Int { position + header.batchByteCount }
  }

  /// Bytes that are no batch.
  package struct Damage: Sendable, Hashable {
    package let range: Range<Int>
    package let reason: String
    /// Whether they could not be read at all.
    package let isUnreadable: Bool
    /// Whether the search for the next batch was broken off at its bound.
    package let isBrokenOff: Bool
  }

  package enum Step: Sendable, Hashable {
    case batch(Batch)
    case damage(Damage)
    /// The search for the end of damage goes on with the next step.
    case searching
    /// Zeros up to the end: room that was not used.
    case unused(Range<Int>)
  }

  private struct Search {
    let start: Int
    let reason: String
    var position: Int
  }

  /// What one step of a search goes over.
  private static let searchStepBytes = 1 << 20

  private var scanner: BatchScanner
  private let byteCount: Int
  private let mayHaveRoom: Bool
  private var search: Search?
  private var checksumBudget: Int
  /// The end of the highest offset seen, exclusive: what is found after damage does not lie below.
  private var nextOffset: Offset
  /// Where the next step begins.
  package private(set) var position = 0

  /// Bytes read from the file so far.
  package var loadedBytes: Int { scanner.loadedBytes }

  /// Walks the file's first `byteCount` bytes. `base`: no batch is expected below. `mayHaveRoom`: whether zeros up to the
  /// end are room that was made ahead; else they are damage.
  package init(
    file: any File, byteCount: Int, base: Offset = .zero, mayHaveRoom: Bool, windowBytes: Int = 1 << 20
  ) {
    scanner = BatchScanner(file: file, byteCount: byteCount, windowBytes: windowBytes)
    self.byteCount = byteCount
    self.mayHaveRoom = mayHaveRoom
    let (product, overflow) = byteCount.multipliedReportingOverflow(by: BatchSearch.maxChecksums)
    checksumBudget = overflow ? .max : product
    nextOffset = base
  }

  /// What comes next; nil at the end.
  package mutating func step() -> Step? {
    do throws(BatchScanner.Fault) {
      if let search { return try searchOn(search) }
      guard position < byteCount else { return nil }
      return try walk()
    } catch {
      switch error {
      case .unreadable(let cause):
        return end(search ?? Search(start: position, reason: "", position: position), unreadable: "\(cause)")
      case .notABatch(let reason):
        // Within a search no batch is expected anywhere: this is a file that shrank.
        if let search { return end(search) }
        if mayHaveRoom, (try? scanner.isUnused(from: position)) == true {
          defer { position = byteCount }
          return .unused(position..<byteCount)
        }
        search = Search(start: position, reason: reason, position: position + 1)
        return .searching
      }
    }
  }

  /// The records of a batch as they lie in the file, at most `LogConfig.maxBatchBytesCeiling` bytes; nil where there
  /// are more, or they cannot be read any more.
  package mutating func records(of batch: Batch) -> ByteBuffer? {
    guard batch.header.batchByteCount <= LogConfig.maxBatchBytesCeiling else { return nil }
    return try? scanner.records(of: BatchScanner.Batch(header: batch.header, position: batch.position))
  }

  private mutating func walk() throws(BatchScanner.Fault) -> Step {
    let batch = try scanner.header(at: position)
    let checksum = try scanner.recordsChecksum(of: batch)
    position = batch.end
    nextOffset = max(nextOffset, batch.header.nextOffset ?? nextOffset)
    return .batch(
      Batch(
        header: batch.header, position: batch.position, hasIntactRecords: checksum == batch.header.recordsCRC32C))
  }

  // MARK: - Past damage

  /// Only a batch that is whole, records and all, ends the search.
  private mutating func searchOn(_ search: Search) throws(BatchScanner.Fault) -> Step {
    var search = search
    let end = min(byteCount, search.position + Self.searchStepBytes)
    while let candidate = try scanner.nextTag(from: search.position, before: end) {
      search.position = candidate + 1
      self.search = search
      guard let batch = try scanner.headerIfAny(at: candidate), isPlausible(batch) else { continue }
      let recordBytes = Int(batch.header.recordsLength)
      guard recordBytes <= checksumBudget else { return self.end(search, isBrokenOff: true) }
      checksumBudget -= recordBytes
      guard try scanner.recordsChecksum(of: batch) == batch.header.recordsCRC32C else { return .searching }
      self.search = nil
      position = candidate
      return .damage(
        Damage(range: search.start..<candidate, reason: search.reason, isUnreadable: false, isBrokenOff: false))
    }
    guard end < byteCount else { return self.end(search) }
    search.position = end
    self.search = search
    return .searching
  }

  /// Nothing more is to be found in the file.
  private mutating func end(_ search: Search, isBrokenOff: Bool = false, unreadable: String? = nil) -> Step {
    self.search = nil
    position = byteCount
    return .damage(
      Damage(
        range: search.start..<byteCount, reason: unreadable ?? search.reason, isUnreadable: unreadable != nil,
        isBrokenOff: isBrokenOff))
  }

  private func isPlausible(_ batch: BatchScanner.Batch) -> Bool {
    batch.end <= byteCount && batch.header.batchByteCount <= LogConfig.maxBatchBytesCeiling
      && batch.header.baseOffset >= nextOffset && batch.header.durableEnd <= batch.header.baseOffset
  }
}
