import TailraceStorage
import TailraceWire

/// Prints what `log verify` finds, in either format, and counts it.
struct VerifyReport {
  private let format: RecordFormat
  private let startedAtMs: Int64
  private var output = StandardOutput()
  private var json = JSONWriter()
  private var progress = Progress()

  var topicCount = 0
  private var partitionCount = 0
  private var totals = VerifyTotals()
  private var errors = 0
  private var warnings = 0
  private var unreadable = 0

  init(format: RecordFormat, startedAtMs: Int64) {
    self.format = format
    self.startedAtMs = startedAtMs
  }

  /// What to exit with: damage counts for more than what could not be read.
  var exitCode: Int32 {
    if errors > unreadable { return ExitStatus.dataLoss }
    return unreadable > 0 ? ExitStatus.inputOutputFailed : 0
  }

  /// Prints findings: of a partition, or of the directory.
  mutating func add(_ findings: [VerifyFinding], of place: PartitionPlace? = nil) throws(CommandFailure) {
    guard !findings.isEmpty else { return }
    progress.clear()
    for finding in findings {
      switch finding.severity {
      case .error: errors += 1
      case .warning: warnings += 1
      }
      if finding.severity == .error, finding.kind == .unreadable { unreadable += 1 }
      switch format {
      case .text: line("\(finding.severity.rawValue): \(place.map { "\($0.name): " } ?? "")\(finding)")
      case .json: write(finding, place)
      }
    }
    try output.flush()
  }

  /// Prints what a partition came to.
  mutating func add(_ summary: PartitionVerifier.Summary, of place: PartitionPlace) throws(CommandFailure) {
    partitionCount += 1
    totals += summary.totals
    progress.clear()
    switch format {
    case .text:
      line(
        "\(place.name): \(Self.verdict(summary.errors, summary.warnings)): offsets \(summary.logStart) to"
          + " \(summary.logEnd) (exclusive), \(Self.text(summary.totals))")
    case .json: write(summary, place)
    }
    try output.flush()
  }

  /// Prints the totals.
  mutating func end(isInterrupted: Bool) throws(CommandFailure) {
    progress.clear()
    let elapsedMs = Clock.monotonicMs() - startedAtMs
    switch format {
    case .text:
      line(
        "\(isInterrupted ? "stopped early" : "total"): \(Self.verdict(errors, warnings)): \(topicCount) topics,"
          + " \(partitionCount) partitions, \(Self.text(totals)), \(elapsedMs / 1_000).\(Self.tenths(elapsedMs)) s")
    case .json: writeTotals(elapsedMs, isInterrupted)
    }
    try output.flush()
  }

  /// Shows how far it is, where standard error is a terminal.
  mutating func showProgress(_ place: PartitionPlace, _ verifier: PartitionVerifier) {
    progress.show(totals.bytes + verifier.bytesSoFar) { "\($0 >> 20) MiB, at \(place.name)" }
  }

  private mutating func line(_ text: String) {
    output.append(CommandFailure(text, exitCode: 0).description.utf8)
    output.append(CollectionOfOne(0x0A))
  }

  private static func verdict(_ errors: Int, _ warnings: Int) -> String {
    guard errors > 0 || warnings > 0 else { return "ok" }
    let parts = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }
    return parts.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }.joined(separator: ", ")
  }

  private static func text(_ totals: VerifyTotals) -> String {
    "\(totals.segments) segments, \(totals.batches) batches, \(totals.records) records, \(totals.bytes) bytes"
  }

  private static func tenths(_ milliseconds: Int64) -> Int64 { milliseconds % 1_000 / 100 }
}

// MARK: - JSON

extension VerifyReport {
  private mutating func write(_ finding: VerifyFinding, _ place: PartitionPlace?) {
    object("finding") { json in
      json.name("severity")
      json.string(finding.severity.rawValue)
      json.name("kind")
      json.string(finding.kind.rawValue)
      json.optional("partition", place?.name)
      json.name("path")
      json.string(finding.path)
      json.optional("position", finding.position)
      json.optional("offset", finding.offset?.rawValue)
      json.optional("end_offset", finding.endOffset?.rawValue)
      json.name("reason")
      json.string(finding.reason)
    }
  }

  private mutating func write(_ summary: PartitionVerifier.Summary, _ place: PartitionPlace) {
    object("partition") { json in
      json.name("partition")
      json.string(place.name)
      json.name("path")
      json.string(place.directory)
      json.number("errors", summary.errors)
      json.number("warnings", summary.warnings)
      json.number("log_start", summary.logStart.rawValue)
      json.number("log_end", summary.logEnd.rawValue)
      json.totals(summary.totals)
      json.number("index_files", summary.indexFiles)
      json.number("producer_snapshots", summary.producerSnapshots)
    }
  }

  private mutating func writeTotals(_ elapsedMs: Int64, _ isInterrupted: Bool) {
    let (errors, warnings, topics, partitions, totals) = (errors, warnings, topicCount, partitionCount, totals)
    object("total") { json in
      json.name("complete")
      json.bool(!isInterrupted)
      json.number("errors", errors)
      json.number("warnings", warnings)
      json.number("topics", topics)
      json.number("partitions", partitions)
      json.totals(totals)
      json.number("elapsed_ms", elapsedMs)
    }
  }

  private mutating func object(_ type: String, _ body: (inout JSONWriter) -> Void) {
    json.removeAll()
    json.beginObject()
    json.name("type")
    json.string(type)
    body(&json)
    json.endObject()
    json.endLine()
    output.append(json.bytes)
  }
}

extension JSONWriter {
  /// Writes a whole number as a member.
  mutating func number(_ name: String, _ value: some FixedWidthInteger) {
    self.name(name)
    integer(value)
  }

  /// Writes a member that is null where there is no value.
  mutating func optional(_ name: String, _ value: (some FixedWidthInteger)?) {
    self.name(name)
    if let value { integer(value) } else { null() }
  }

  /// Writes a member that is null where there is no value.
  mutating func optional(_ name: String, _ value: String?) {
    self.name(name)
    if let value { string(value) } else { null() }
  }

  fileprivate mutating func totals(_ totals: VerifyTotals) {
    number("segments", totals.segments)
    number("batches", totals.batches)
    number("records", totals.records)
    number("bytes", totals.bytes)
  }
}
