import ArgumentParser

/// `tailrace fuzz`: throws random and damaged input at this very program. Hidden: for the project's own checks.
struct FuzzCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Throw random and damaged input at the decoders, or at a broker.",
    shouldDisplay: false, subcommands: [FuzzDecode.self, FuzzServer.self, FuzzKill.self])
}

/// Why a run of the fuzzer failed: what was seen, and how to see it again.
struct FuzzFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct FuzzGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A generator of its own for each number, so that one iteration can be repeated without those before it.
  init(seed: UInt64, stream: UInt64) {
    var mixer = FuzzGenerator(seed: stream)
    state = seed ^ mixer.next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// From 0 up to `bound`, exclusive; 0 where there is nothing below.
  mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(next() % UInt64(bound)) : 0 }

  /// True once in `count` times.
  mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }

  /// One of `values`, of which there is at least one.
  mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

  /// Numbers at which something may break, more often than others.
  mutating func number() -> UInt64 {
    switch below(8) {
    case 0: 0
    case 1: 1
    case 2: .max
    case 3: UInt64(bitPattern: .min)
    case 4: UInt64(Int64.max)
    case 5: (1 << UInt64(below(64))) &+ UInt64(below(3)) &- 1
    case 6: next() >> UInt64(below(64))
    default: UInt64(below(300))
    }
  }
}
