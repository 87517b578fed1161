internal import NIOCore
package import TailraceWire

/// Checks a partition's directory, a piece at a time: its state file, that its segments follow one another, and each
/// segment, see SegmentVerifier. Reads only.
///
/// What is damaged above what was once known to be on disk, and not proven by a later batch, is a torn tail where the
/// partition was not closed cleanly: the next start cuts it, so it is a warning. All other damage is an error.
package struct PartitionVerifier {
  package struct Options: Sendable, Hashable {
    /// Whether records are decompressed and read.
    package var isDeep = true
    /// Whether a broker is at work on it: then what lies above the last checkpoint is not judged, and segments may go.
    package var isOnline = false

    package init() {}
  }

  /// What was found of the partition as a whole.
  package struct Summary: Sendable, Hashable {
    package var totals = VerifyTotals()
    package var logStart = Offset.zero
    package var logEnd = Offset.zero
    package var indexFiles = 0
    package var producerSnapshots = 0
    package var errors = 0
    package var warnings = 0
  }

  private struct Segment {
    var base: Offset
    var nextBase: Offset?
  }

  private enum Phase {
    case beginning
    case segments
    case ended
  }

  let place: PartitionPlace
  let fileSystem: any FileSystem
  let options: Options
  private var phase = Phase.beginning
  private var remaining: ArraySlice<Segment> = []
  private var current: SegmentVerifier?
  private var findings: [VerifyFinding] = []
  private var judge: TailJudge
  private var hasSegments = false
  private var end: Offset?
  package private(set) var summary = Summary()

  /// Bytes of the segments that were gone through.
  package var bytesSoFar: Int { summary.totals.bytes + (current?.position ?? 0) }

  package var isAtEnd: Bool { if case .ended = phase { true } else { false } }

  package init(_ place: PartitionPlace, fileSystem: any FileSystem = RealFileSystem(), options: Options = Options()) {
    self.place = place
    self.fileSystem = fileSystem
    self.options = options
    judge = TailJudge(isClean: place.cleanEnd != nil)
  }

  /// Goes on until about `maxBytes` more were read, or the partition is done. Returns what it found.
  package mutating func advance(maxBytes: Int) -> [VerifyFinding] {
    switch phase {
    case .beginning: begin()
    case .segments:
      if var verifier = current {
        current = nil
        let found = verifier.advance(maxBytes: maxBytes)
        judge.note(provenEnd: verifier.provenEnd, isBrokenOff: verifier.isBrokenOff)
        if !options.isOnline || isStillThere(verifier) { for finding in found { judged(finding) } }
        if verifier.isAtEnd { finishSegment(verifier) } else { current = verifier }
      } else if let next = remaining.popFirst() {
        open(next)
      } else {
        finish()
      }
    case .ended: break
    }
    defer { findings = [] }
    for finding in findings {
      if finding.severity == .error { summary.errors += 1 } else { summary.warnings += 1 }
    }
    return findings
  }

  // MARK: - State and files

  private mutating func begin() {
    phase = .segments
    do throws(StorageError) {
      // A broker at work moves the checkpoint up as it writes, and the log's start before it removes: so the one is read
      // before the files are listed, the other after.
      let before = try StateFile.read(directory: place.directory, fileSystem: fileSystem)
      let names = try fileSystem.listed(place.directory)
      let state = try StateFile.read(directory: place.directory, fileSystem: fileSystem)
      note(names, hasState: state != nil)
      if let state { check(state) }
      judge.knownEnd = Offset(
        max(
          before?.durableEndOffset ?? 0, before?.cleanEndOffset ?? 0, before?.logStartOffset ?? 0,
          place.cleanEnd?.rawValue ?? 0))
      judge.logStart = state.map { Offset(max(0, $0.logStartOffset)) } ?? remaining.first?.base ?? .zero
    } catch {
      phase = .ended
      findings.append(VerifyFinding(.error, .unreadable, path: place.directory, error.message))
    }
  }

  private mutating func note(_ names: [String], hasState: Bool) {
    var bases: [Offset] = []
    for name in names {
      let file = PartitionFile(name: name)
      switch file {
      case .segment(let base): bases.append(base)
      case .index:
        summary.indexFiles += 1
        checkDerived(name, SegmentIndexFile.isIntact(name, in: place.directory, fileSystem))
      case .producers:
        summary.producerSnapshots += 1
        let file = ProducerSnapshotFile(fileSystem: fileSystem, directory: place.directory)
        checkDerived(name, file.isIntact(name))
      default: break
      }
      let isInWork = options.isOnline && (file == .unfinished || file == .compacting)
      if let leftover = file.leftover, !isInWork {
        findings.append(VerifyFinding(.warning, .leftover, path: "\(place.directory)/\(name)", leftover))
      }
    }
    bases.sort()
    hasSegments = !bases.isEmpty
    remaining =
      bases.indices.map { index in
        Segment(base: bases[index], nextBase: index + 1 < bases.count ? bases[index + 1] : nil)
      }[...]
    guard !hasState else { return }
    let path = "\(place.directory)/\(StateFile.name)"
    if names.contains(StateFile.name) {
      findings.append(VerifyFinding(.error, .state, path: path, "the state file does not match its checksum"))
    } else if hasSegments {
      findings.append(
        VerifyFinding(.error, .state, path: path, "the state file is missing: what was on disk is not known"))
    }
  }

  private mutating func checkDerived(_ name: String, _ isIntact: Bool) {
    // A broker at work writes them anew at any time.
    guard !isIntact, !options.isOnline else { return }
    findings.append(
      VerifyFinding(
        .warning, .derived, path: "\(place.directory)/\(name)",
        "damaged, or cut short; it is made anew from the log where it is needed"))
  }

  private mutating func check(_ state: PartitionState) {
    let path = "\(place.directory)/\(StateFile.name)"
    if let id = place.id, state.topicID != id.topic.bytes || state.partition != id.index {
      let found = TopicID(state.topicID).map { "\($0)" } ?? "?"
      findings.append(
        VerifyFinding(
          .error, .state, path: path, "it is of partition \(found)/\(state.partition), the directory of \(id)"))
    }
    // The log's start may be past the durable end that stands there: it moves without a checkpoint.
    if state.logStartOffset < 0 || state.durableEndOffset < 0
      || state.cleanEndOffset.map({ $0 < state.durableEndOffset }) == true
    {
      findings.append(
        VerifyFinding(
          .error, .state, path: path,
          "log start \(state.logStartOffset), durable end \(state.durableEndOffset) and clean end"
            + " \(state.cleanEndOffset.map(String.init) ?? "none") contradict each other"))
    }
  }

  // MARK: - Segments

  private mutating func open(_ segment: Segment) {
    let path = "\(place.directory)/\(LogSegment.fileName(segment.base))"
    if end == nil, judge.logStart < segment.base {
      findings.append(
        VerifyFinding(
          .error, .missing, path: place.directory, offset: judge.logStart, endOffset: segment.base,
          "offsets \(judge.logStart) to \(segment.base) (exclusive) are in no segment; the log begins at the first"))
    }
    if end == nil { summary.logStart = max(judge.logStart, segment.base) }
    do throws(FileSystemError) {
      let file = try fileSystem.open(path, .read)
      current = SegmentVerifier(
        file: file, byteCount: try file.byteCount(), base: segment.base, nextBase: segment.nextBase,
        isDeep: options.isDeep, mayHaveRoom: place.cleanEnd == nil)
    } catch {
      end = segment.nextBase ?? segment.base
      if options.isOnline, error.isNotFound { return }
      judged(
        VerifyFinding(
          .error, .unreadable, path: path, offset: segment.base, endOffset: segment.nextBase, "\(error)"))
    }
  }

  /// Whether the segment and the one after it are there as they were listed: a broker at work trims and compacts.
  private func isStillThere(_ verifier: SegmentVerifier) -> Bool {
    [verifier.base, verifier.nextBase].allSatisfy { base in
      guard let base else { return true }
      return (try? fileSystem.status("\(place.directory)/\(LogSegment.fileName(base))")) != nil
    }
  }

  private mutating func finishSegment(_ verifier: SegmentVerifier) {
    summary.totals += verifier.totals
    end = verifier.end
  }

  private mutating func judged(_ finding: VerifyFinding) {
    if options.isOnline, finding.offset.map({ $0 >= judge.knownEnd }) == true { return }
    findings += judge.take(finding)
  }

  // MARK: - The end

  private mutating func finish() {
    phase = .ended
    findings += judge.finish()
    let end = self.end ?? judge.logStart
    summary.logEnd = end
    let reached = min(end, judge.tailStart ?? end)
    if reached < judge.knownEnd {
      let what = hasSegments ? "the log ends at \(reached)" : "there are no segment files"
      findings.append(
        VerifyFinding(
          .error, .missing, path: place.directory, offset: reached, endOffset: judge.knownEnd,
          "\(what), but offsets up to \(judge.knownEnd) (exclusive) were on disk"))
    } else if let cleanEnd = place.cleanEnd, reached > cleanEnd {
      findings.append(
        VerifyFinding(
          .warning, .state, path: place.directory, offset: cleanEnd,
          "the log ends at \(reached), the last clean stop left it at \(cleanEnd)"))
    }
  }
}

extension FileSystem {
  /// Names in a directory, the error in storage's words.
  func listed(_ path: String) throws(StorageError) -> [String] {
    do throws(FileSystemError) { return try list(path) } catch { throw StorageError(error, while: "listing files") }
  }
}
