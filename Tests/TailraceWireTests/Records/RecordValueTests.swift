import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite("Attributes of a batch")
struct BatchAttributesTests {
  @Test(
    "Compression is in the lowest three bits",
    arguments: [
      (0, Compression.none), (1, .gzip), (2, .lz4), (3, .zstd), (4, nil), (5, nil), (6, nil), (7, nil),
    ] as [(UInt32, Compression?)])
  func compression(bits: UInt32, compression: Compression?) {
    #expect(BatchAttributes(rawValue: bits).compression == compression)
    #expect(BatchAttributes(rawValue: bits | 8).compression == compression)
    if let compression { #expect(BatchAttributes(compression: compression).rawValue == bits) }
  }

  @Test func `Bit 3 alone says that times are the append's`() {
    for bit in 0..<32 {
      let attributes = BatchAttributes(rawValue: 1 << UInt32(bit))
      #expect(attributes.hasAppendTimestamps == (bit == 3), "bit \(bit)")
      #expect(attributes.hasUnknownBits == (bit > 3), "bit \(bit)")
      #expect(attributes.withAppendTimestamps(true).rawValue == attributes.rawValue | 8)
      #expect(attributes.withAppendTimestamps(false).rawValue == attributes.rawValue & ~8)
    }
    #expect(BatchAttributes(compression: .lz4, hasAppendTimestamps: true).rawValue == 0b1010)
  }
}

@Suite("Offsets")
struct OffsetTests {
  @Test func `They move within the number range only`() {
    #expect(Offset(5).advanced(by: 3) == Offset(8))
    #expect(Offset(5).advanced(by: -5) == .zero)
    #expect(Offset(.max).advanced(by: 0) == Offset(.max))
    #expect(Offset(.max).advanced(by: 1) == nil)
    #expect(Offset(.min).advanced(by: -1) == nil)
  }

  @Test func `They are ordered as numbers and print as numbers`() {
    #expect([Offset(3), Offset(-1), .zero].sorted() == [Offset(-1), .zero, Offset(3)])
    #expect("\(Offset(42))" == "42")
  }
}

@Suite("Ids of topics and partitions")
struct TopicIDTests {
  private static let text = "00ff0000000000000123456789abcdef"

  @Test func `An id is 16 bytes or 32 digits, in the same order`() throws {
    let id = try #require(TopicID(hexadecimal: Self.text))
    #expect(id.bytes.allBytes == [0x00, 0xFF, 0, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF])
    #expect(TopicID(id.bytes) == id)
    #expect(id.description == Self.text)
    #expect(TopicID(hexadecimal: Self.text.uppercased()) == id)
    #expect(PartitionID(topic: id, index: 3).description == Self.text + "/3")
  }

  @Test(
    "Anything else is none",
    arguments: [
      "", "0", "00ff0000000000000123456789abcde", "00ff0000000000000123456789abcdef0",
      "+0ff0000000000000123456789abcdef",
      "00ff000000000000-123456789abcdef", "00ff000000000000 123456789abcdef", "g0ff0000000000000123456789abcdef",
      "0x000000000000000123456789abcdef", "éff0000000000000123456789abcdef", "00ff00000000000é123456789abcdef",
    ])
  func notHexadecimal(text: String) {
    #expect(TopicID(hexadecimal: text) == nil)
  }

  @Test("Any other number of bytes is none", arguments: [0, 1, 8, 15, 17, 32])
  func notSixteenBytes(count: Int) {
    #expect(TopicID(ByteBuffer(repeating: 1, count: count)) == nil)
  }

  @Test func `Random ids make the way to bytes and text and back`() {
    var generator = SeededGenerator.ofThisRun(100)
    for _ in 0..<1_000 {
      let id = TopicID.random(using: &generator)
      #expect(TopicID(id.bytes) == id && TopicID(hexadecimal: id.description) == id)
    }
  }
}

@Suite("Varints")
struct VarintTests {
  @Test func `Their length is what is written, around every step`() {
    var values: [UInt64] = [0, 1, .max]
    for bits in 1..<64 { values += [(1 << UInt64(bits)) - 1, 1 << UInt64(bits), (1 << UInt64(bits)) + 1] }
    for value in values {
      var buffer = ByteBuffer()
      buffer.writeVarint(value)
      #expect(buffer.readableBytes == Varint.byteCount(value), "\(value)")
      let back = buffer.readableBytesView.reversed().reduce(UInt64(0)) { $0 << 7 | UInt64($1 & 0x7F) }
      #expect(back == value)
    }
  }

  @Test(
    "Zigzag numbers are those of the protobuf specification",
    arguments: [
      (0, 0), (-1, 1), (1, 2), (-2, 3), (0x7FFF_FFFF, 0xFFFF_FFFE), (-0x8000_0000, 0xFFFF_FFFF),
      (Int64.max, UInt64.max - 1), (Int64.min, UInt64.max),
    ] as [(Int64, UInt64)])
  func zigZag(value: Int64, encoded: UInt64) {
    #expect(ZigZag.encode(value) == encoded)
  }

  @Test func `Padded ones take five bytes and come back`() {
    for value: UInt32 in [0, 1, 127, 128, 1 << 28, (1 << 28) - 1, .max] {
      var bytes = [UInt8](repeating: 0, count: 5)
      bytes.withUnsafeMutableBytes { PaddedVarint.write(value, to: $0, at: 0) }
      #expect(bytes[..<4].allSatisfy { $0 & 0x80 != 0 } && bytes[4] <= 0x0F)
      #expect(bytes.withUnsafeBytes { PaddedVarint.read($0, at: 0) } == value)
    }
    #expect(([0x80, 0x80, 0x80, 0x80, 0x10] as [UInt8]).withUnsafeBytes { PaddedVarint.read($0, at: 0) } == nil)
    #expect(([0x80, 0x80, 0x80, 0x00, 0x00] as [UInt8]).withUnsafeBytes { PaddedVarint.read($0, at: 0) } == nil)
  }
}

@Suite("CRC-32C")
struct ChecksumTests {
  /// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
  @Test func `It is that of the specification`() {
    #expect(CRC32C.checksum(ByteBuffer(string: "123456789")) == 0xE306_9283)
    #expect(CRC32C.checksum(ByteBuffer(repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum(ByteBuffer(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(ByteBuffer(bytes: (0..<32).map { UInt8($0) })) == 0x46DD_794E)
    #expect(CRC32C.checksum(ByteBuffer()) == 0)
  }

  @Test func `Parts one after the other have the checksum of the whole`() {
    var generator = SeededGenerator.ofThisRun(110)
    let bytes = generator.bytes(5_000)
    let whole = bytes.withUnsafeBytes { CRC32C.checksum($0) }
    for cut in [0, 1, 7, 8, 1_024, 4_999, 5_000] {
      let first = bytes[..<cut].withUnsafeBytes { CRC32C.checksum($0) }
      #expect(bytes[cut...].withUnsafeBytes { CRC32C.checksum($0, seed: first) } == whole, "cut at \(cut)")
    }
  }

  @Test func `Only the readable bytes count`() {
    var buffer = ByteBuffer(string: "xx123456789")
    buffer.moveReaderIndex(forwardBy: 2)
    #expect(CRC32C.checksum(buffer) == 0xE306_9283)
    #expect(["vpclmulqdq", "sse4.2", "armv8", "table"].contains(CRC32C.implementation))
  }
}
