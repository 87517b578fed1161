import TailraceTestSupport
@testable import TailraceStorage
import TailraceTesting
import Testing

/// What is there after a crash, at any moment of a history of thousands of operations: every record that was acked,
/// once, in order, and nothing by halves.
///
/// TAILRACE_SEED repeats a run; TAILRACE_LONG=1 visits every state that is left out otherwise.
@Suite struct CrashConsistencyTests {
  private static let steps = 2_000

  @Test func `the same seed gives the same history, so that a failure can be seen again`() async throws {
    let seed = SeededGenerator(for: "CrashConsistencyTests, same history").seed
    let histories = [
      try await ScriptedHistory.run(steps: 300, seed: seed), try await ScriptedHistory.run(steps: 300, seed: seed),
    ]
    let changes = histories.map { $0.history.changes.map { "\($0)" } }
    #expect(changes[0].count > 1_000)
    #expect(zip(changes[0], changes[1]).enumerated().first { $0.element.0 != $0.element.1 } == nil)
    #expect(changes[0].count == changes[1].count)
  }

  @Test func `after a crash between any two changes of the disk all that was acked is there`() async throws {
    var generator = SeededGenerator(for: "CrashConsistencyTests, between changes")
    let sweep = try await CrashSweep(steps: Self.steps, seed: generator.seed)
    let stride = isLongRun ? 1 : 20
    let points = Swift.stride(from: generator.below(stride), through: sweep.history.changes.count, by: stride)
    let losses: [CrashLoss] = [.nothing, .allUnsynced]
    await sweep.visit(
      points.flatMap { point in
        losses.map { CrashSweep.Crash(point: point, tornBytes: nil, loss: $0, seed: UInt64(point)) }
      })
    sweep.report("between changes", operations: Self.steps)
  }

  @Test func `after a crash within any write all that was acked is there`() async throws {
    var generator = SeededGenerator(for: "CrashConsistencyTests, torn writes")
    let sweep = try await CrashSweep(steps: Self.steps, seed: generator.seed)
    var crashes: [CrashSweep.Crash] = []
    var cursor = sweep.history.cursor()
    let stride = isLongRun ? 1 : 800
    var untilNext = generator.below(stride)
    while cursor.next != nil {
      for byte in 0..<cursor.nextWriteByteCount {
        if untilNext == 0 {
          let loss: CrashLoss = byte % 2 == 0 ? .nothing : .someUnsynced
          crashes.append(
            CrashSweep.Crash(
              point: cursor.position, tornBytes: byte, loss: loss, seed: generator.next(), depth: .startOfTornTopic))
          untilNext = stride
        }
        untilNext -= 1
      }
      cursor.advance(to: cursor.position + 1)
    }
    await sweep.visit(crashes)
    sweep.report("torn writes", operations: Self.steps)
  }

  @Test func `after a crash that takes any of what was not synced all that was acked is there`() async throws {
    var generator = SeededGenerator(for: "CrashConsistencyTests, random losses")
    let sweep = try await CrashSweep(steps: Self.steps, seed: generator.seed)
    let count = isLongRun ? 200_000 : 5_000
    let last = sweep.history.changes.count
    let points = (0..<count).map { _ in generator.below(last + 1) }.sorted()
    await sweep.visit(
      points.enumerated().map { number, point in
        CrashSweep.Crash(
          point: point, tornBytes: nil, loss: .someUnsynced, seed: generator.next(),
          depth: isLongRun || number % 8 == 0 ? .startAndCrashAgain : .startOfOneTopic)
      })
    sweep.report("random losses", operations: Self.steps)
  }
}
