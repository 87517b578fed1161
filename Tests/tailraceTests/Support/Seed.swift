import Foundation
import NIOCore

/// Random numbers that can be had again: TAILRACE_SEED in the environment sets the seed, which failures print.
struct Seed: RandomNumberGenerator, CustomStringConvertible {
  let start: UInt64
  private var state: UInt64

  init() {
    start = ProcessInfo.processInfo.environment["TAILRACE_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0 ... .max)
    state = start
    print("TAILRACE_SEED=\(start)")
  }

  var description: String { "TAILRACE_SEED=\(start)" }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// Absent, empty, text, or any bytes.
  mutating func bytes() -> ByteBuffer? {
    switch below(4) {
    case 0: nil
    case 1: ByteBuffer()
    case 2: ByteBuffer(string: String((0..<below(20)).map { _ in Character(Unicode.Scalar(UInt8(below(128)))) }))
    default: ByteBuffer(bytes: (0..<below(40)).map { _ in UInt8(below(256)) })
    }
  }
}
