internal import Synchronization
internal import TailraceWire

extension LogSegment {
  /// The offset relative to this segment, capped to what an index can hold.
  func relative(_ offset: Offset) -> UInt32 {
    let (difference, overflow) = offset.rawValue.subtractingReportingOverflow(baseOffset.rawValue)
    return overflow ? .max : UInt32(clamping: difference)
  }

  // MARK: - Looking up

  /// A batch boundary at or before `offset`; nil where the index must be built first, or there is none.
  func floor(of offset: Offset) -> IndexedPlace? {
    look { $0.floor(relativeOffset: relative(offset)) }
  }

  /// The last known batch boundary at or before a position in the file.
  func floor(ofPosition position: Int) -> IndexedPlace? {
    look { $0.floor(position: position) }
  }

  /// A batch boundary before which all timestamps are below `timestampMs`; nil where no timestamp of the segment
  /// reaches it. Blocks: the index is built where it is not complete.
  func floor(ofTimestampMs timestampMs: Int64) throws(StorageError) -> IndexedPlace? {
    if let known = summaryIfKnown, known.maxTimestampMs < timestampMs { return nil }
    while true {
      let (isComplete, entry) = contents.withLock { contents in
        contents.isIndexUsed = true
        return (contents.indexedFrom == 0, contents.index.floor(timestampMs: timestampMs))
      }
      if isComplete { return entry.map(place) }
      try buildIndex()
    }
  }

  private func look(_ body: (SegmentIndex) -> OffsetIndex.Entry?) -> IndexedPlace? {
    contents.withLock { contents in
      contents.isIndexUsed = true
      return body(contents.index).map(place)
    }
  }

  private func place(_ entry: OffsetIndex.Entry) -> IndexedPlace {
    IndexedPlace(
      offset: Offset(baseOffset.rawValue + Int64(entry.relativeOffset)), position: Int(entry.position))
  }

  /// Up to where the file is still to be scanned for its index, 0 where it is complete.
  var unindexedByteCount: Int { contents.withLock { $0.indexedFrom } }

  /// Where the scan for the index met bytes that are no batch; nil where it met none, or has not been made.
  var damage: SegmentDamage? { contents.withLock { $0.damage } }

  /// What all batches have in common, as far as that is known without looking at the file; nil where it is not, or
  /// there is no batch.
  var summaryIfKnown: SegmentSummary? {
    contents.withLock { contents in
      guard contents.indexedFrom > 0 else { return contents.index.summary }
      guard let earlier = contents.summary else { return nil }
      return contents.index.summary.map(earlier.followed(by:)) ?? earlier
    }
  }

  /// What all batches have in common; nil where there are none. Blocks: the index file is looked at, or the segment.
  func summary() throws(StorageError) -> SegmentSummary? {
    if let known = summaryIfKnown { return known }
    let byteCount = unindexedByteCount
    if byteCount > 0, let loaded = indexFile.loadSummary(of: try openFile(), byteCount: byteCount) {
      contents.withLock { if $0.indexedFrom == byteCount { $0.summary = loaded } }
    } else {
      try buildIndex()
    }
    return summaryIfKnown
  }

  /// When the first batch was appended, milliseconds since 1970; nil where there is none, or it cannot be read. Blocks.
  func firstAppendMs() -> Int64? {
    if let known = summaryIfKnown { return known.firstAppendMs }
    do throws(StorageError) {
      var scanner = BatchScanner(
        file: try openFile(), byteCount: unindexedByteCount, windowBytes: RecordBatchHeader.byteCount)
      return try scanner.next()?.header.appendTimestampMs
    } catch { return nil }
  }

  /// Its length, where nothing more is appended to it; else nil.
  var sealedByteCount: Int? { contents.withLock { $0.sealedByteCount } }

  // MARK: - Building

  /// Notes a batch that was appended at `position`.
  func noteAppend(of header: RecordBatchHeader, at position: Int) {
    contents.withLock {
      $0.index.add(header, relativeOffset: relative(header.baseOffset), position: position)
    }
  }

  /// Hands in the index of everything below `byteCount`, which must be what `unindexedByteCount` was before the scan;
  /// with `damage`, of everything below that. Of two scans of the same range the second is dropped.
  func completeIndex(with earlier: SegmentIndex, below byteCount: Int, damage: SegmentDamage? = nil) {
    let kept: Int? = contents.withLock { contents in
      guard contents.indexedFrom == byteCount, byteCount > 0 else { return nil }
      contents.index.prepend(earlier)
      contents.indexedFrom = 0
      contents.damage = damage
      return contents.sealedByteCount == nil ? nil : contents.index.byteCount
    }
    if let kept { files.indexes.add(self, byteCount: kept) }
  }

  /// Builds the index where it is not complete: from the index files, and what they do not cover from the headers.
  /// Blocks. Damage ends the scan and is remembered: what lies below can be read, and nobody scans again to find the
  /// same.
  func buildIndex() throws(StorageError) {
    let byteCount = unindexedByteCount
    guard byteCount > 0 else { return }
    let file = try openFile()
    let loaded = indexFile.load(of: file, byteCount: byteCount)
    var index = loaded?.index ?? SegmentIndex()
    var scanner = BatchScanner(file: file, from: loaded?.coveredBytes ?? 0, byteCount: byteCount)
    var damage: SegmentDamage?
    do throws(BatchScanner.Fault) {
      while let batch = try scanner.nextChecked() {
        index.add(batch.header, relativeOffset: relative(batch.header.baseOffset), position: batch.position)
      }
    } catch {
      let failure = scanner.storageError(error)
      guard case .notABatch = error else { throw failure }
      damage = SegmentDamage(position: scanner.position, error: failure)
    }
    completeIndex(with: index, below: byteCount, damage: damage)
    if loaded?.coveredBytes != byteCount { writeIndexFiles() }
  }

  // MARK: - Keeping

  var indexFile: SegmentIndexFile {
    SegmentIndexFile(fileSystem: files.fileSystem, baseOffset: baseOffset, logPath: path)
  }

  /// Nothing more is appended to the segment, which has `byteCount` bytes.
  func seal(byteCount: Int) { contents.withLock { $0.sealedByteCount = byteCount } }

  /// Writes the index files of a finished segment, and lets its index go when memory is short. Blocks. Where that
  /// fails, the segment is scanned when its index is next needed.
  func keepIndex() {
    let byteCount = contents.withLock { $0.sealedByteCount != nil && $0.indexedFrom == 0 ? $0.index.byteCount : nil }
    guard let byteCount else { return }
    writeIndexFiles()
    files.indexes.add(self, byteCount: byteCount)
  }

  private func writeIndexFiles() {
    let (index, byteCount) = contents.withLock { contents in
      (contents.index, contents.indexedFrom == 0 && contents.damage == nil ? contents.sealedByteCount : nil)
    }
    guard let byteCount else { return }
    writeIndexFiles(index, coveredBytes: byteCount)
  }

  /// Writes the index of a segment that is not finished, as far as it goes now: at a clean stop.
  func writeIndexFiles(coveredBytes: Int) {
    let index = contents.withLock { $0.indexedFrom == 0 && $0.damage == nil ? $0.index : nil }
    if let index { writeIndexFiles(index, coveredBytes: coveredBytes) }
  }

  private func writeIndexFiles(_ index: SegmentIndex, coveredBytes: Int) {
    // Another segment's files stand there by now.
    guard !isRetired else { return }
    // Derived data: what is not written, or torn, is made anew from the segment.
    do throws(FileSystemError) { try indexFile.write(index, coveredBytes: coveredBytes) } catch {}
  }

  /// Lets the index of a finished segment go; it is loaded again when needed.
  func dropIndex() {
    contents.withLock { contents in
      guard let byteCount = contents.sealedByteCount, contents.indexedFrom == 0, contents.damage == nil else { return }
      contents.summary = contents.index.summary
      contents.index = SegmentIndex()
      contents.indexedFrom = byteCount
    }
  }

  /// Whether the index was used since this was last asked.
  func takeIndexUse() -> Bool {
    contents.withLock { contents in
      defer { contents.isIndexUsed = false }
      return contents.isIndexUsed
    }
  }
}

/// Where a segment is damaged.
struct SegmentDamage {
  /// Batch boundary from which on the bytes cannot be told apart.
  var position: Int
  /// What to answer to who wants something from there; `.dataLoss`.
  var error: StorageError
}

/// A batch boundary in a segment.
struct IndexedPlace {
  var offset: Offset
  var position: Int
}
