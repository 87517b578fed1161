import TailraceTestSupport
import Testing

/// Random histories of a group, checked after each step: see `Simulation`.
///
/// TAILRACE_LONG=1 makes 100,000 instead of 2,000. TAILRACE_SEED repeats one.
@Suite struct SimulationTests {
  @Test func `at most one member owns a partition at every step, and exactly one once all is quiet`() async throws {
    var seeds = SeededGenerator(for: "SimulationTests")
    let isRepeated = environmentNumber("TAILRACE_SEED") != nil
    var total = SimulationCounters()
    var failed = 0
    for index in 0..<(isRepeated ? 1 : isLongRun ? 100_000 : 2_000) {
      let seed = index == 0 ? seeds.seed : seeds.next()
      let simulation = try Simulation(seed: seed, scale: Self.scale(of: seed))
      simulation.isRecorded = isRepeated
      do {
        try simulation.perform()
      } catch {
        failed += 1
        Issue.record("TAILRACE_SEED=\(seed), step \(simulation.counters.steps): \(error)")
        if isRepeated { print(simulation.history.joined(separator: "\n")) }
        if failed == 3 { break }
      }
      total.add(simulation.counters)
      // Tests share few threads: one that is kept for minutes holds up what others wait for with a deadline.
      await Task.yield()
    }
    print("SimulationTests: \(total)")
  }

  /// Most are small, as small ones find most; few are as large as groups get.
  private static func scale(of seed: UInt64) -> Simulation.Scale {
    var random = SeededGenerator(seed: seed)
    switch random.below(1_000) {
    case 0: return Simulation.Scale(processes: 50, crowd: 40, topics: 8, partitions: 320, steps: 600)
    case 1..<60: return Simulation.Scale(processes: 12, crowd: 4, topics: 4, partitions: 40, steps: 200)
    default: return Simulation.Scale(processes: 2 + random.below(4), topics: 2, partitions: 8, steps: 120)
    }
  }
}
