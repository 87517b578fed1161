import Glibc

/// Random numbers from a seed (SplitMix64): TAILRACE_SEED, or one drawn anew and printed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(for test: String) {
    let given = getenv("TAILRACE_SEED").flatMap { UInt64(String(cString: $0)) }
    state = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): TAILRACE_SEED=\(state)")
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// From 0 up to `bound`, exclusive.
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
  }
}
