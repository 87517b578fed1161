import Foundation
import TailraceStorage

/// Counts what happened.
struct FuzzKillReport {
  private let begin = ContinuousClock.now
  /// Kills before the broker said where it listens.
  var killsInStartUp = 0
  /// How long starts took.
  var starts: [Duration] = []
  private var read = FuzzKillCheck.Tally()
  /// Of all files, in the end.
  var verified = VerifyTotals()
  var warnings = 0

  mutating func add(_ tally: FuzzKillCheck.Tally) {
    read.fetches += tally.fetches
    read.records += tally.records
    read.compactedAway += tally.compactedAway
  }

  func print(kills: Int, _ producers: [FuzzKillProducer]) {
    let acked = producers.flatMap(\.lanes).reduce(0) { $0 + $1.recordCount }
    let sentAgain = producers.reduce(0) { $0 + $1.tally.recordsSentAgain }
    let duplicates = producers.reduce(0) { $0 + $1.tally.duplicates }
    let slowest = String(format: "%.0f", (starts.max() ?? .zero).fuzzSeconds * 1_000)
    Swift.print("kills: \(kills), \(killsInStartUp) of them in the start-up; the slowest start took \(slowest) ms")
    Swift.print(
      "records: \(acked) acked, \(sentAgain) sent again; \(duplicates) batches answered as duplicates")
    Swift.print(
      "read back: \(read.records) records with \(read.fetches) fetches, \(read.compactedAway) compacted away; none lost,"
        + " none twice")
    Swift.print(
      "log verify: \(verified.segments) segments, \(verified.batches) batches, \(verified.records) records, no errors,"
        + " \(warnings) warnings")
    Swift.print("all is well: \(String(format: "%.1f", (ContinuousClock.now - begin).fuzzSeconds)) s")
  }
}
