/// Bytes of produce requests with one target and one batch, and of requests that are almost that: no library writes them
/// so, but anybody may.
struct OddProduce {
  private var values: RandomValues
  /// One place in this many is odd.
  private var rarity = 1

  init(seed: UInt64) { values = RandomValues(seed: seed) }

  /// A message. From one with nothing odd about it to one where nearly all is.
  mutating func message() -> [UInt8] {
    rarity = [1_000_000, 60, 20, 4][values.below(4)]
    var fields = odd() ? [] : [[varintField(1, odd() ? values.integer(UInt64.self) : UInt64(values.below(4)))]]
    fields.append(repeated { $0.bytesField(2, $0.target()) })
    return joined(fields)
  }

  /// `message` with a few bytes changed, taken out or put in; or cut.
  mutating func damaged(_ message: [UInt8]) -> [UInt8] {
    var bytes = message
    if values.below(4) == 0 { return Array(bytes.prefix(values.below(bytes.count + 1))) }
    for _ in 0...values.below(3) where !bytes.isEmpty {
      // Where structure is, more often than in the records.
      let position = values.below(values.below(4) > 0 ? min(bytes.count, 40) : bytes.count)
      switch values.below(4) {
      case 0: bytes[position] = values.integer(UInt8.self)
      case 1: bytes[position] ^= 1 << UInt8(values.below(8))
      case 2: bytes.remove(at: position)
      default: bytes.insert(values.integer(UInt8.self), at: position)
      }
    }
    return bytes
  }

  mutating func below(_ bound: Int) -> Int { values.below(bound) }

  private mutating func target() -> [UInt8] {
    var fields: [[[UInt8]]] = []
    if !odd() { fields.append(repeated { $0.bytesField(1, $0.topic()) }) }
    if odd() { fields.append([bytesField(2, odd() ? [] : [UInt8](repeating: 7, count: 16))]) }
    if !odd() { fields.append(repeated { $0.varintField(3, $0.partition()) }) }
    if odd() { fields.append(repeated { $0.bytesField(4, $0.values.bool() ? [] : [0x0A, 1, 0x61]) }) }
    if !odd() { fields.append(repeated { $0.bytesField(5, $0.batch()) }) }
    return joined(fields)
  }

  private mutating func topic() -> [UInt8] {
    guard odd() else { return Array("topic-\(values.below(100))".utf8) }
    return [[], [0xFF], [0x61, 0], [0x61, 0xC3], [0xED, 0xA0, 0x80], Array(values.string().utf8)][values.below(6)]
  }

  private mutating func partition() -> UInt64 {
    odd() ? [1 << 32, .max, UInt64(UInt32.max) + 7][values.below(3)] : UInt64(values.integer(UInt32.self))
  }

  private mutating func batch() -> [UInt8] {
    let wide: Set<UInt64> = [2, 6, 7, 8, 10, 13]
    var fields: [[[UInt8]]] = []
    for number in 1...16 as ClosedRange<UInt64> where values.bool() {
      let width = wide.contains(number) != odd() ? 8 : 4
      fields.append(repeated { $0.fixedField(number, width) })
    }
    if !odd() { fields.append(repeated { $0.bytesField(17, $0.values.bytes()) }) }
    return joined(fields)
  }
}

// The parts of a message.
extension OddProduce {
  private mutating func odd() -> Bool { values.below(rarity) == 0 }

  /// A field, mostly once.
  private mutating func repeated(_ field: (inout OddProduce) -> [UInt8]) -> [[UInt8]] {
    var result = [field(&self)]
    while odd() && result.count < 3 { result.append(field(&self)) }
    return result
  }

  /// Fields in their order or any other, perhaps with one among them that nobody knows.
  private mutating func joined(_ fields: [[[UInt8]]]) -> [UInt8] {
    var fields = fields.flatMap(\.self)
    if odd() { fields.append(unknownField()) }
    if values.bool() {
      for index in fields.indices { fields.swapAt(index, values.below(index + 1)) }
    }
    return fields.flatMap(\.self)
  }

  private mutating func unknownField() -> [UInt8] {
    let number = [6, 18, 31, 32, 33, 37, 1000, UInt64(values.below(1 << 29))][values.below(8)]
    switch values.below(4) {
    case 0: return varintField(number, values.integer(UInt64.self))
    case 1: return fixedField(number, 8)
    case 2: return bytesField(number, values.bytes())
    default: return fixedField(number, 4)
    }
  }

  private mutating func varintField(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    if odd() { return fixedField(number, 4) }
    return tag(number, 0) + varint(value, mostBytes: 10)
  }

  private mutating func bytesField(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    if odd() { return fixedField(number, 8) }
    return tag(number, 2) + varint(UInt64(content.count), mostBytes: 5) + content
  }

  private mutating func fixedField(_ number: UInt64, _ width: Int) -> [UInt8] {
    if odd() { return tag(number, 0) + varint(values.integer(UInt64.self), mostBytes: 10) }
    let value = values.integer(UInt64.self)
    return tag(number, width == 8 ? 1 : 5) + (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private mutating func tag(_ number: UInt64, _ wire: UInt64) -> [UInt8] {
    varint(number << 3 | wire, mostBytes: 5)
  }

  /// Sometimes longer than it need be, and once in a while longer than it may be.
  private mutating func varint(_ value: UInt64, mostBytes: Int) -> [UInt8] {
    let width = odd() ? values.below(mostBytes + 2) : 1
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 || bytes.count + 1 < width {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
