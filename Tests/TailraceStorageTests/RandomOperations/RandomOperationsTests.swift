import TailraceTestSupport
import Testing

/// Random operations on the local store, compared with the model after each.
///
/// TAILRACE_LONG=1 makes many long runs. TAILRACE_SEED repeats one; TAILRACE_LONG must be as it was.
@Suite struct RandomOperationsTests {
  @Test(arguments: RandomRun.Scale.allCases) func `the local store does what the model does, through stops and kills`(
    _ scale: RandomRun.Scale
  ) async throws {
    var seeds = SeededGenerator(for: "RandomOperationsTests, \(scale)")
    let isRepeated = environmentNumber("TAILRACE_SEED") != nil
    let runs = isRepeated ? 1 : isLongRun ? 20 : 3
    for index in 0..<runs {
      let run = try await RandomRun(scale, seed: index == 0 ? seeds.seed : seeds.next())
      do {
        try await run.perform(steps: isLongRun ? 1_000 : 100)
      } catch {
        Issue.record("TAILRACE_SEED=\(run.seed), \(scale), \(run.place): \(error)")
      }
      print("RandomOperationsTests, \(scale): TAILRACE_SEED=\(run.seed): \(run.summary)")
    }
  }
}
