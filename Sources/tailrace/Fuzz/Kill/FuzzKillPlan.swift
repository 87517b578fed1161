/// When the broker is killed: the same moments for the same seed.
struct FuzzKillPlan: Sendable {
  /// One life of the broker.
  enum Life: Sendable, Equatable {
    /// Killed so many milliseconds after its process was started: most times before it listens.
    case startUp(milliseconds: Int)
    /// Killed after so many milliseconds of load.
    case load(milliseconds: Int)
    /// As `load`, and the load begins just before the first round of maintenance, which rolls and compacts.
    case maintenance(milliseconds: Int)
  }

  /// When maintenance comes first, milliseconds after a start (`LocalLogStore.Options.maintenanceIntervalMs`).
  static let maintenanceMs = 10_000

  /// At least one; the first may be killed before there is a topic.
  let lives: [Life]

  init(seed: UInt64, kills: Int) {
    var generator = FuzzGenerator(seed: seed, stream: 0)
    lives = (0..<kills).map { number in
      // One in ten waits for maintenance: each of these takes ten seconds.
      if number % 10 == 9 { return .maintenance(milliseconds: 100 + generator.below(400)) }
      // Two of those in a row, now and then.
      if generator.oneIn(4) { return .startUp(milliseconds: 1 + generator.below(60)) }
      return .load(milliseconds: generator.oneIn(4) ? 2 + generator.below(20) : 20 + generator.below(400))
    }
  }
}
