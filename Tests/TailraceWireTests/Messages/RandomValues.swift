import Foundation
import NIOCore
import SwiftProtobuf
import TailraceTestSupport
import Testing

/// Field values for random messages: extremes and odd cases more often than chance would have them.
struct RandomValues {
  /// The seed of this run, printed, so that a failure can be repeated.
  static let runSeed = SeededGenerator(for: "TailraceWireTests messages").seed

  private var generator: SeededGenerator

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
  }

  /// From 0 up to `bound`, exclusive.
  mutating func below(_ bound: Int) -> Int { generator.below(bound) }

  mutating func bool() -> Bool { below(2) == 1 }

  mutating func double() -> Double { Double(below(2_000_000) - 1_000_000) / 8 }

  mutating func integer<T: FixedWidthInteger>(_ type: T.Type) -> T {
    switch below(6) {
    case 0: 0
    case 1: 1
    case 2: T.max
    case 3: T.min
    case 4: T(truncatingIfNeeded: generator.next() >> UInt64(below(64)))
    default: T(truncatingIfNeeded: generator.next())
    }
  }

  /// Known, unknown and negative numbers.
  mutating func enumNumber() -> Int32 {
    switch below(4) {
    case 0: Int32(below(6))
    case 1: integer(Int32.self)
    default: Int32(below(64))
    }
  }

  mutating func independentEnum<E: SwiftProtobuf.Enum>(_ type: E.Type) -> E {
    E(rawValue: Int(enumNumber())) ?? E()
  }

  mutating func string() -> String {
    switch below(6) {
    case 0: ""
    case 1: "a"
    case 2: "topic-\(below(1000))"
    case 3: String(repeating: "long ", count: below(200))
    default: scalars(below(40))
    }
  }

  /// Any Unicode scalars but NUL.
  private mutating func scalars(_ count: Int) -> String {
    var view = String.UnicodeScalarView()
    while view.count < count {
      let bound = [0x80, 0x800, 0x10000, 0x110000][below(4)]
      guard let scalar = Unicode.Scalar(UInt32(below(bound))), scalar.value != 0 else { continue }
      view.append(scalar)
    }
    return String(view)
  }

  mutating func bytes() -> [UInt8] {
    let count = [0, 1, 16, below(100), below(3000)][below(5)]
    return generator.bytes(count)
  }

  mutating func buffer() -> ByteBuffer {
    // Sometimes a slice from the middle of another buffer.
    let bytes = bytes()
    if bool() { return ByteBuffer(bytes: bytes) }
    var outer = ByteBuffer(bytes: [1, 2, 3] + bytes + [4, 5])
    outer.moveReaderIndex(forwardBy: 3)
    return outer.readSlice(length: bytes.count) ?? ByteBuffer()
  }

  mutating func data() -> Data { Data(bytes()) }

  mutating func array<T>(_ element: (inout RandomValues) -> T) -> [T] {
    let count = [0, 1, 2, below(6)][below(4)]
    var result: [T] = []
    for _ in 0..<count { result.append(element(&self)) }
    return result
  }
}
