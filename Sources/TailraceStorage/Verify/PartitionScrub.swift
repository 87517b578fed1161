internal import Logging
internal import TailraceWire

/// The scrub of one partition: segment by segment, a piece at a time.
struct PartitionScrub {
  /// Findings of a segment that are logged; more are counted.
  private static let maxLogged = 10
  /// What is read at once.
  private static let windowBytes = 256 << 10

  private let log: PartitionLog
  private let logger: Logger
  private var next = Offset.zero
  private var target: ScrubTarget?
  private var verifier: SegmentVerifier?
  /// Of the present segment: told only once it is known that the log still has it.
  private var found: [VerifyFinding] = []
  private var foundCount = 0
  private var newFindings = 0
  private var fault: StorageError?
  private(set) var isAtEnd = false

  init(_ log: PartitionLog, logger: Logger) {
    self.log = log
    self.logger = logger
  }

  /// What was found since the last call.
  mutating func takeFindingCount() -> Int {
    defer { newFindings = 0 }
    return newFindings
  }

  /// Goes on until about `maxBytes` were read or a segment is at its end. Returns how many were.
  mutating func advance(maxBytes: Int) -> Int {
    // A segment that went is let go of at once, for its space on disk.
    if let target, !log.holds(target) { leaveSegment() }
    guard var verifier = verifier ?? openNext() else { return 0 }
    let before = verifier.loadedBytes
    note(verifier.advance(maxBytes: maxBytes))
    self.verifier = verifier
    if verifier.isAtEnd { finishSegment() }
    return verifier.loadedBytes - before
  }

  /// Nil where there is no further segment, or it could not be opened.
  private mutating func openNext() -> SegmentVerifier? {
    guard let target = log.scrubTarget(from: next) else {
      finish()
      return nil
    }
    self.target = target
    foundCount = 0
    found = []
    do throws(FileSystemError) {
      // While compaction puts a segment in its place, only its own file is the right one.
      let pinned = target.segment.pinnedFileIfAny
      let file: any File
      if let pinned { file = pinned } else { file = try log.files.open(target.segment.path, .read) }
      let length = try file.byteCount()
      let byteCount = target.byteCount ?? length
      if length < byteCount { note([shorter(target, length, byteCount)]) }
      return SegmentVerifier(
        file: UncachedFile(file), byteCount: min(length, byteCount), base: target.segment.baseOffset,
        nextBase: target.nextBase, isDeep: false, windowBytes: Self.windowBytes)
    } catch {
      // Want of descriptors or space says nothing of the segment: the next round looks again.
      if !error.isFailedOpenForResources, !error.isOutOfSpace {
        note([
          VerifyFinding(
            .error, .unreadable, path: target.segment.path, offset: target.segment.baseOffset,
            endOffset: target.nextBase, "\(error)")
        ])
      }
      finishSegment()
      return nil
    }
  }

  private func shorter(_ target: ScrubTarget, _ length: Int, _ byteCount: Int) -> VerifyFinding {
    VerifyFinding(
      .error, .missing, path: target.segment.path, position: length,
      "the file has \(length) bytes; \(byteCount) were on disk")
  }

  private mutating func note(_ findings: [VerifyFinding]) {
    foundCount += findings.count
    found += findings.prefix(max(0, Self.maxLogged - found.count))
  }

  /// Tells of what was found, unless the segment went meanwhile: trimmed, or written anew by compaction.
  private mutating func finishSegment() {
    defer { leaveSegment() }
    guard let target else { return }
    guard let following = target.segment.baseOffset.advanced(by: 1) else { return finish() }
    next = following
    guard foundCount > 0, log.holds(target) else { return }
    newFindings += foundCount
    for finding in found { report(finding) }
    let more = foundCount - found.count
    if more > 0 {
      logger.error(
        "scrub: more damage in the segment",
        metadata: .keys([.partition: "\(log.id)", .file: target.segment.path, .count: "\(more)"]))
    }
    if fault == nil, let first = found.first {
      let fault = StorageError(.dataLoss, "partition \(log.id) is damaged, as the scrub found: \(first)")
      self.fault = fault
      log.noteScrub(fault)
    }
  }

  private mutating func leaveSegment() {
    verifier = nil
    target = nil
    found = []
    foundCount = 0
  }

  private func report(_ finding: VerifyFinding) {
    logger.error(
      "scrub: data on disk is damaged",
      metadata: .keys([
        .partition: "\(log.id)", .file: finding.path, .position: finding.position.map { "\($0)" } ?? "",
        .offset: finding.offset.map { "\($0)" } ?? "", .reason: finding.reason,
      ]))
  }

  private mutating func finish() {
    isAtEnd = true
    if fault == nil { log.noteScrub(nil) }
  }
}
