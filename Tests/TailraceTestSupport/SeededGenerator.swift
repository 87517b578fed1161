/// Random numbers that can be had again: the same ones for the same seed, on every machine (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator {
  /// What the numbers began with, for the messages of failures. Drawing numbers does not change it.
  package let seed: UInt64
  private var state: UInt64

  /// Begins with a seed that is known already. Prints nothing.
  package init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// Begins with TAILRACE_SEED, or else with a seed drawn anew, and prints it after the name of the test.
  package init(for test: String) {
    self.init(seed: environmentNumber("TAILRACE_SEED") ?? UInt64.random(in: 0...UInt64.max))
    print("\(test): TAILRACE_SEED=\(seed)")
  }

  /// The next number, from anywhere in its range.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 up to `bound`, exclusive. `bound` is above 0.
  package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// As many bytes as `count`, of any value.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}
