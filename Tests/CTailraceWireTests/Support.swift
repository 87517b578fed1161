import Glibc

/// Deterministic random numbers (SplitMix64). The seed is TAILRACE_SEED, or else drawn anew, and printed.
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

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
  }
}

/// Protobuf, written by hand: the tests need broken forms too.
enum Proto {
  static func varint(_ value: UInt64, width: Int = 1) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 || bytes.count + 1 < width {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func tag(_ number: UInt64, _ wire: UInt64) -> [UInt8] { varint(number << 3 | wire) }

  static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { tag(field, 0) + varint(value) }

  static func bytes(_ field: UInt64, _ content: [UInt8], lengthWidth: Int = 1) -> [UInt8] {
    tag(field, 2) + varint(UInt64(content.count), width: lengthWidth) + content
  }

  static func string(_ field: UInt64, _ content: String) -> [UInt8] { bytes(field, Array(content.utf8)) }

  static func fixed64(_ field: UInt64, _ value: UInt64) -> [UInt8] {
    tag(field, 1) + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }
}
