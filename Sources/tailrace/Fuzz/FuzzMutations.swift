import NIOCore
import TailraceWire

/// Ways to spoil bytes.
struct FuzzMutator {
  /// Changes bits, bytes and runs of bytes, 1 to 6 of them, near the beginning as often as anywhere.
  static func damage(_ bytes: inout [UInt8], _ generator: inout FuzzGenerator) {
    for _ in 0...generator.below(6) where !bytes.isEmpty {
      let at = generator.below(generator.oneIn(2) ? min(bytes.count, 24) : bytes.count)
      switch generator.below(6) {
      case 0: bytes[at] ^= 1 << UInt8(generator.below(8))
      case 1: bytes[at] = generator.pick([0, 1, 0x7F, 0x80, 0xFF])
      case 2: bytes[at] = generator.byte()
      case 3: bytes.remove(at: at)
      case 4: bytes.insert(generator.byte(), at: at)
      default:
        let end = min(bytes.count, at + generator.below(16))
        bytes.insert(contentsOf: Array(bytes[at..<end]), at: generator.below(bytes.count))
      }
    }
  }

  static func truncate(_ bytes: inout [UInt8], _ generator: inout FuzzGenerator) {
    bytes.removeLast(generator.below(bytes.count + 1))
  }

  /// The beginning of one and the end of the other.
  static func splice(_ left: [UInt8], _ right: [UInt8], _ generator: inout FuzzGenerator) -> [UInt8] {
    Array(left[..<generator.below(left.count + 1)]) + right[generator.below(right.count + 1)...]
  }

  /// A message inside a message and so on, `levels` deep, under the numbers of fields that exist and that do not.
  static func nestingBomb(levels: Int, _ generator: inout FuzzGenerator) -> [UInt8] {
    var lengths: [Int] = []
    var size = 0
    for _ in 0..<levels {
      lengths.append(size)
      size += 1 + varintBytes(size)
    }
    let number = UInt8(1 + generator.below(15))
    var buffer = ByteBuffer()
    for length in lengths.reversed() {
      buffer.writeInteger(number << 3 | 2)
      buffer.writeVarint(UInt64(length))
    }
    return Array(buffer.readableBytesView)
  }

  /// As many empty sub-messages as fit: few bytes on the wire, many in memory.
  static func tinyMessages(count: Int, _ generator: inout FuzzGenerator) -> [UInt8] {
    let tag = UInt8(1 + generator.below(15)) << 3 | 2
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * count)
    for _ in 0..<count { bytes += [tag, 0] }
    return bytes
  }

  /// Tags with lengths from 2^31 to 2^64 behind them.
  static func hugeLength(_ generator: inout FuzzGenerator) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.writeInteger(UInt8(1 + generator.below(15)) << 3 | 2)
    let lengths: [UInt64] = [0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 63, .max]
    buffer.writeVarint(generator.pick(lengths))
    buffer.writeBytes(generator.bytes(generator.below(30)))
    return Array(buffer.readableBytesView)
  }

  private static func varintBytes(_ value: Int) -> Int { (70 - (UInt64(value) | 1).leadingZeroBitCount) / 7 }
}
