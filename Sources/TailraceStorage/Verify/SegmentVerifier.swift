internal import NIOCore
package import TailraceWire

/// Checks a segment file from its beginning to its end, a piece at a time.
///
/// Of each batch: the header's form, version and checksum; the records' checksum; that it begins at the offset where
/// the one before ended, the first at the one in the file's name. With `isDeep` the records are decompressed and read,
/// too. After damage it goes on with the next whole batch. Memory is bounded, see SegmentWalker.
package struct SegmentVerifier {
  /// The largest record set, decompressed, bytes.
  private static let maxDecompressedBytes = 64 << 20

  private let path: String
  let base: Offset
  let nextBase: Offset?
  private let isDeep: Bool
  private let byteCount: Int
  private var walker: SegmentWalker
  private var pendingDamage: SegmentWalker.Damage?
  private var findings: [VerifyFinding] = []

  /// The offset that belongs next: at the end, the segment's end.
  package private(set) var end: Offset
  /// The highest offset below which everything was on disk, as whole batches of this segment tell.
  package private(set) var provenEnd = Offset.zero
  package private(set) var totals = VerifyTotals()
  package private(set) var isAtEnd = false
  /// Whether a search past damage was broken off: what it did not see may prove more.
  package private(set) var isBrokenOff = false

  /// Bytes read from the file so far.
  package var loadedBytes: Int { walker.loadedBytes }

  /// Where the next piece begins, bytes from the file's beginning.
  package var position: Int { walker.position }

  /// `byteCount`: how much of the file is looked at. `base`: the offset in its name. `nextBase`: that of the segment
  /// after it; nil where it is the last one. `mayHaveRoom`: whether zeros at its end are room that was made ahead, as a
  /// broker that was not stopped in order leaves it; else they are damage.
  package init(
    file: any File, byteCount: Int, base: Offset, nextBase: Offset?, isDeep: Bool, mayHaveRoom: Bool = false,
    windowBytes: Int = 1 << 20
  ) {
    path = file.path
    self.byteCount = byteCount
    self.base = base
    self.nextBase = nextBase
    self.isDeep = isDeep
    walker = SegmentWalker(
      file: file, byteCount: byteCount, base: base, mayHaveRoom: mayHaveRoom, windowBytes: windowBytes)
    end = base
    totals.segments = 1
  }

  /// Goes on until about `maxBytes` more were read from the file, one batch at least, or it is at its end. Returns what
  /// it found.
  package mutating func advance(maxBytes: Int) -> [VerifyFinding] {
    let start = walker.loadedBytes
    repeat {
      switch walker.step() {
      case .batch(let batch): check(batch)
      case .damage(let damage): note(damage)
      case .searching, .unused: break
      case nil: finish()
      }
    } while !isAtEnd && walker.loadedBytes - start < maxBytes
    defer { findings = [] }
    return findings
  }

  private mutating func finish() {
    isAtEnd = true
    totals.bytes = byteCount
    report(pendingDamage, until: nextBase)
    if let nextBase, end < nextBase {
      add(.missing, nil, end..<nextBase, "offsets \(end) to \(nextBase) (exclusive) are in no segment")
    } else if let nextBase, end > nextBase {
      add(.damage, nil, nextBase..<end, "the segment reaches to \(end), the one after it begins at \(nextBase)")
    }
  }

  // MARK: - Batches

  private mutating func check(_ batch: SegmentWalker.Batch) {
    let header = batch.header
    report(pendingDamage, until: header.baseOffset)
    let next = header.nextOffset ?? header.baseOffset
    if header.baseOffset > end {
      add(
        .missing, batch.position, end..<header.baseOffset,
        "offsets \(end) to \(header.baseOffset) (exclusive) are missing before this batch")
    } else if header.baseOffset < end {
      add(
        .damage, batch.position, header.baseOffset..<max(next, header.baseOffset),
        "a batch at offset \(header.baseOffset) stands where \(end) belongs")
    }
    totals.batches += 1
    totals.records += Int(header.recordCount)
    end = max(end, next)
    guard batch.hasIntactRecords else {
      add(.damage, batch.position, header.baseOffset..<next, "the records do not match their checksum")
      return
    }
    provenEnd = max(provenEnd, min(header.durableEnd, header.baseOffset))
    if let fault = headerFault(header) ?? (isDeep ? recordsFault(batch) : nil) {
      add(.records, batch.position, header.baseOffset..<next, fault)
    }
  }

  /// What is wrong with a header that matches its checksum.
  private func headerFault(_ header: RecordBatchHeader) -> String? {
    if header.attributes.hasUnknownBits || header.attributes.compression == nil {
      return "attributes 0x\(String(header.attributes.rawValue, radix: 16)) are not known"
    }
    if header.batchByteCount > LogConfig.maxBatchBytesCeiling {
      return "a batch of \(header.batchByteCount) bytes; none is over \(LogConfig.maxBatchBytesCeiling)"
    }
    // Compaction takes records out of a batch, all of them even, and leaves its span of offsets.
    if UInt64(header.recordCount) > UInt64(header.lastOffsetDelta) + 1 {
      return "\(header.recordCount) records in \(UInt64(header.lastOffsetDelta) + 1) offsets"
    }
    return nil
  }

  private mutating func recordsFault(_ batch: SegmentWalker.Batch) -> String? {
    let header = batch.header
    if header.recordCount == 0, header.recordsLength == 0 { return nil }
    guard let records = walker.records(of: batch) else { return "the records cannot be read" }
    do throws(RecordBatchError) {
      var reader = try RecordBatchReader(
        header: header, records: records, maxDecompressedBytes: Self.maxDecompressedBytes)
      while let record = try reader.next() {
        guard record.timestampMs <= header.readableMaxTimestampMs else {
          return
            "offset \(record.offset) is of \(record.timestampMs), past the batch's \(header.readableMaxTimestampMs)"
        }
      }
      return nil
    } catch {
      return error.message
    }
  }

  // MARK: - Damage

  /// Kept until it is known which offset comes after it.
  private mutating func note(_ damage: SegmentWalker.Damage) {
    report(pendingDamage, until: nil)
    pendingDamage = damage
    isBrokenOff = isBrokenOff || damage.isBrokenOff
  }

  private mutating func report(_ damage: SegmentWalker.Damage?, until next: Offset?) {
    guard let damage else { return }
    pendingDamage = nil
    var reason = damage.reason
    if damage.range.upperBound < byteCount {
      reason += "; the next whole batch is at position \(damage.range.upperBound)"
    } else {
      reason += "; \(damage.isBrokenOff ? "the search for one was broken off" : "no whole batch follows in this file")"
    }
    if let next, next > end { reason += "; offsets \(end) to \(next) (exclusive) are lost" }
    let lost = end..<max(end, next ?? end)
    add(damage.isUnreadable ? .unreadable : .damage, damage.range.lowerBound, next == nil ? nil : lost, reason)
    if let next { end = max(end, next) }
  }

  /// `offsets`: those concerned; nil: from `end` on, nobody knows how far.
  private mutating func add(
    _ kind: VerifyFinding.Kind, _ position: Int?, _ offsets: Range<Offset>?, _ reason: String
  ) {
    findings.append(
      VerifyFinding(
        .error, kind, path: path, position: position, offset: offsets?.lowerBound ?? end,
        endOffset: offsets?.upperBound, reason))
  }
}
