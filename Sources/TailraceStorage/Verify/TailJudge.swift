internal import TailraceWire

/// Tells a torn tail from a loss, as recovery does: what is damaged at or above the end that is known to have been on
/// disk is a torn tail, unless a later batch proves that it was on disk, or what follows could not be searched.
struct TailJudge {
  /// More are counted, not kept: a start cuts the log at the first of them.
  private static let maxHeld = 100

  /// Whether the partition was closed cleanly: then nothing is torn.
  let isClean: Bool
  /// Below it everything was once on disk.
  var knownEnd = Offset.zero
  var logStart = Offset.zero
  private var held: [VerifyFinding] = []
  private var heldCount = 0
  private var provenEnd = Offset.zero
  private var isBrokenOff = false

  init(isClean: Bool) { self.isClean = isClean }

  /// Where the tail begins that the next start may cut; nil where there is none.
  var tailStart: Offset? { held.first?.offset }

  mutating func note(provenEnd: Offset, isBrokenOff: Bool) {
    self.provenEnd = max(self.provenEnd, provenEnd)
    self.isBrokenOff = self.isBrokenOff || isBrokenOff
  }

  /// What can be told of at once, with its severity. The rest is kept for `finish`.
  mutating func take(_ finding: VerifyFinding) -> [VerifyFinding] {
    var finding = finding
    if let end = finding.endOffset, end <= logStart {
      finding.severity = .warning
      finding.reason += "; all of it lies below the log's start"
      return [finding]
    }
    guard !isClean, finding.kind == .damage || finding.kind == .missing, let offset = finding.offset,
      offset >= knownEnd || heldCount > 0
    else { return [finding] }
    heldCount += 1
    if held.count < Self.maxHeld { held.append(finding) }
    return []
  }

  /// What was kept, with its severity.
  mutating func finish() -> [VerifyFinding] {
    guard let first = held.first?.offset else { return [] }
    let isLoss = provenEnd > first || isBrokenOff
    var result = held
    for index in result.indices where !isLoss {
      result[index].severity = .warning
      result[index].kind = .tornTail
    }
    if provenEnd > first {
      result[0].reason += "; a later batch tells that offsets up to \(provenEnd) (exclusive) were on disk"
    } else if !isLoss {
      result[0].reason += "; nothing tells that it was on disk: the next start cuts the log here"
    }
    if heldCount > held.count, let last = result.last {
      var more = last
      more.position = nil
      more.reason = "\(heldCount - held.count) more places after that"
      result.append(more)
    }
    return result
  }
}
