@testable import TailraceStorage
import TailraceTesting
import TailraceWire

/// All that the verifiers say of a directory.
struct Verdict {
  var findings: [VerifyFinding]
  var summaries: [String: PartitionVerifier.Summary] = [:]
  var isInUse: Bool

  init(_ path: String, isDeep: Bool = true, isOnline: Bool = false) throws {
    let scope = try PartitionFinder.find(path)
    findings = scope.findings
    isInUse = scope.isInUse
    var options = PartitionVerifier.Options()
    options.isDeep = isDeep
    options.isOnline = isOnline
    for place in scope.partitions {
      var verifier = PartitionVerifier(place, options: options)
      while !verifier.isAtEnd { findings += verifier.advance(maxBytes: 1 << 16) }
      summaries[place.name] = verifier.summary
    }
  }

  var errors: [VerifyFinding] { findings.filter { $0.severity == .error } }
  var warnings: [VerifyFinding] { findings.filter { $0.severity == .warning } }
}
