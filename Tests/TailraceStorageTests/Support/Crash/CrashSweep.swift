import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Visits crash states of a history and keeps count of them. Failures name all that it takes to see them again.
final class CrashSweep: Sendable {
  /// One crash.
  struct Crash: Sendable {
    /// Changes that had happened.
    var point: Int
    /// Bytes of the next write that had happened too.
    var tornBytes: Int?
    var loss: CrashLoss
    /// From which what was lost is drawn.
    var seed: UInt64
    var depth = Depth.start
  }

  struct Counts: Sendable {
    var crashes = 0
    /// Crashes of the starts after the crashes.
    var crashesOfStarts = 0
    var failures = 0
  }

  private static let maxReported = 10

  let history: DiskHistory
  let seed: UInt64
  private let check: CrashCheck
  private let contents = Mutex(Counts())
  private let begun: ContinuousClock.Instant
  private let buildSeconds: Double

  init(steps: Int, seed: UInt64) async throws {
    let begun = ContinuousClock.now
    let (history, ledger) = try await ScriptedHistory.run(steps: steps, seed: seed)
    self.history = history
    self.seed = seed
    check = CrashCheck(ledger: ledger)
    self.begun = ContinuousClock.now
    buildSeconds = (self.begun - begun) / .seconds(1)
  }

  var counts: Counts { contents.withLock { $0 } }

  /// Visits the crashes, which must be in the order of their points, on all cores.
  func visit(_ crashes: [Crash]) async {
    let width = 12
    await withTaskGroup(of: Void.self) { group in
      for part in 0..<width {
        let slice = crashes[(crashes.count * part / width)..<(crashes.count * (part + 1) / width)]
        group.addTask { await self.visit(slice) }
      }
    }
  }

  /// What is done with a crashed disk.
  enum Depth: Sendable {
    case start
    /// Started with one topic of those that are there, by chance: they have nothing to do with each other.
    case startOfOneTopic
    /// Started with no topic but the one to which the write goes that was torn.
    case startOfTornTopic
    /// Started, crashed during that, and started again; and crashed after it and started again.
    case startAndCrashAgain
  }

  private func visit(_ crashes: ArraySlice<Crash>) async {
    var cursor = history.cursor()
    for crash in crashes where counts.failures < Self.maxReported {
      cursor.advance(to: crash.point)
      do {
        try await visit(crash, cursor)
      } catch {
        contents.withLock { $0.failures += 1 }
        let next = history.changes.indices.contains(crash.point) ? "\(history.changes[crash.point])" : "the end"
        Issue.record("\(error); history of seed \(seed), \(crash), before: \(next)")
      }
    }
  }

  private func visit(_ crash: Crash, _ cursor: CrashCursor) async throws {
    var generator = SeededGenerator(seed: crash.seed)
    let torn = crash.tornBytes.map { cursor.tearing(at: $0) } ?? cursor
    let disk = torn.crash(crash.loss, using: &generator)
    contents.withLock { $0.crashes += 1 }
    let topic: TopicID? =
      switch crash.depth {
      case .startOfTornTopic: cursor.nextWritePath.flatMap(Self.topic(ofPath:))
      case .startOfOneTopic: check.topics(at: crash.point).randomElement(using: &generator)?.id
      case .start, .startAndCrashAgain: nil
      }
    let (state, changes) = try await check.open(disk, at: crash.point, crash.loss, only: topic)
    guard crash.depth == .startAndCrashAgain else { return }
    var during = disk.history.cursor()
    during.advance(to: generator.below(changes + 1))
    contents.withLock { $0.crashesOfStarts += 2 }
    do {
      _ = try await check.open(during.crash(.someUnsynced, using: &generator), at: crash.point, crash.loss)
    } catch {
      throw Violation("after a crash of the start at its change \(during.position) of \(changes): \(error)")
    }
    var after = during
    after.advance(to: changes)
    let again = try await check.open(after.crash(.someUnsynced, using: &generator), at: crash.point, crash.loss).state
    for (id, found) in state
    where again[id]?.end != found.end || again[id]?.start != found.start || again[id]?.epoch ?? 0 <= found.epoch {
      throw Violation(
        "partition \(id) was \(found) after the first start, \(again[id].debugDescription) after the next")
    }
  }

  /// The topic in whose directory a path lies.
  private static func topic(ofPath path: String) -> TopicID? {
    path.split(separator: "/").lazy.compactMap { TopicDirectory(name: String($0))?.topic }.first
  }

  /// Prints what was done, for the record.
  func report(_ name: String, operations: Int) {
    let counts = self.counts
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    let rate = Int(Double(counts.crashes + counts.crashesOfStarts) / max(seconds, 0.001))
    print(
      "CrashConsistencyTests, \(name): \(operations) operations made in \(Int(buildSeconds)) s, \(history.changes.count) changes of the disk,"
        + " \(counts.crashes) crash states, \(counts.crashesOfStarts) crashes of starts (\(rate) a second),"
        + " \(counts.failures) failures")
    #expect(counts.crashes > 0)
  }
}
