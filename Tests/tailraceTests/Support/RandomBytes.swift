import NIOCore
import TailraceTestSupport

extension SeededGenerator {
  /// Absent, empty, text, or any bytes.
  mutating func bytes() -> ByteBuffer? {
    switch below(4) {
    case 0: nil
    case 1: ByteBuffer()
    case 2: ByteBuffer(string: String((0..<below(20)).map { _ in Character(Unicode.Scalar(UInt8(below(128)))) }))
    default: ByteBuffer(bytes: bytes(below(40)))
    }
  }
}
