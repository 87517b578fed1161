/// Why bytes are not protobuf's wire format.
package struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// The bytes end inside a value, or a length points past the end.
    case truncated
    /// A varint of more than ten bytes, or above 2^64 - 1.
    case varintTooLong
    /// A tag with field number 0, or above 2^29 - 1.
    case invalidFieldNumber
    /// A tag with wire type 6 or 7.
    case invalidWireType
    /// A group that ends without its start, or under another number.
    case unmatchedGroup
    /// Groups nested deeper than `WireReader.maxGroupDepth`.
    case groupTooDeep
  }

  package let kind: Kind
  /// Byte of the outermost message at which the fault was seen, from 0.
  package let offset: Int

  package var description: String {
    let reason =
      switch kind {
      case .truncated: "the message ends inside a field"
      case .varintTooLong: "a varint is too long"
      case .invalidFieldNumber: "a field number is out of range"
      case .invalidWireType: "a wire type is unknown"
      case .unmatchedGroup: "a group has no start or no end"
      case .groupTooDeep: "groups are nested too deeply"
      }
    return "\(reason) (at byte \(offset))"
  }
}

/// One value as it lies on the wire, before a schema says what it means.
package enum WireValue {
  case varint(UInt64)
  case fixed64(UInt64)
  case fixed32(UInt32)
  /// A string, bytes, a message or a packed run: a reader of just those bytes.
  case lengthDelimited(WireReader)
  /// A group of proto2: a reader of what is between its two tags.
  case group(WireReader)
}

/// One field of a message.
package struct WireField {
  /// 1 to 2^29 - 1.
  package let number: UInt32
  package let value: WireValue
  /// Byte of the outermost message at which the field's tag begins.
  package let offset: Int
}

/// Walks the fields of a protobuf message without a schema.
///
/// Every length is checked before it is believed: no input traps. Valid only while the bytes that it was made from are.
/// Source: https://protobuf.dev/programming-guides/encoding/
package struct WireReader {
  /// Levels of proto2 groups that are skipped, inclusive.
  package static let maxGroupDepth = 32

  /// The outermost message, so that offsets in errors mean something.
  private let base: UnsafeRawBufferPointer
  /// Next byte to read, as an index of `base`. Never above `end`.
  package private(set) var offset: Int
  private let end: Int

  package init(_ bytes: UnsafeRawBufferPointer) {
    self.init(base: bytes, offset: 0, end: bytes.count)
  }

  private init(base: UnsafeRawBufferPointer, offset: Int, end: Int) {
    self.base = base
    self.offset = offset
    self.end = end
  }

  package var isAtEnd: Bool { offset == end }

  /// The bytes that were not read yet.
  package var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: base[offset..<end]) }

  /// A reader of the outermost message that stands at `offset`; clamped to the message.
  package func moved(to offset: Int) -> WireReader {
    WireReader(base: base, offset: min(max(0, offset), base.count), end: base.count)
  }

  /// The next field, or nil at the end.
  package mutating func nextField() throws(WireError) -> WireField? {
    guard !isAtEnd else { return nil }
    let start = offset
    let (number, wireType) = try readTag()
    let value: WireValue
    switch wireType {
    case 0: value = .varint(try readVarint())
    case 1: value = .fixed64(try readFixed64())
    case 2: value = .lengthDelimited(try readLengthDelimited())
    case 3: value = .group(try readGroup(number: number, start: start))
    case 5: value = .fixed32(try readFixed32())
    default: throw WireError(kind: .unmatchedGroup, offset: start)
    }
    return WireField(number: number, value: value, offset: start)
  }

  package mutating func readVarint() throws(WireError) -> UInt64 {
    let start = offset
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end {
      let byte = base[offset]
      offset += 1
      // The tenth byte has room for one bit.
      if shift == 63 && byte > 1 { throw WireError(kind: .varintTooLong, offset: start) }
      result |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return result }
      shift += 7
    }
    throw WireError(kind: .truncated, offset: start)
  }

  package mutating func readFixed64() throws(WireError) -> UInt64 {
    try readLittleEndian()
  }

  package mutating func readFixed32() throws(WireError) -> UInt32 {
    try readLittleEndian()
  }

  private mutating func readLittleEndian<T: FixedWidthInteger & BitwiseCopyable>() throws(WireError) -> T {
    let size = MemoryLayout<T>.size
    guard end - offset >= size else { throw WireError(kind: .truncated, offset: offset) }
    let value = T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
    offset += size
    return value
  }

  private mutating func readLengthDelimited() throws(WireError) -> WireReader {
    let start = offset
    let length = try readVarint()
    guard length <= UInt64(end - offset) else { throw WireError(kind: .truncated, offset: start) }
    let value = WireReader(base: base, offset: offset, end: offset + Int(length))
    offset = value.end
    return value
  }

  private mutating func readTag() throws(WireError) -> (number: UInt32, wireType: UInt8) {
    let start = offset
    let tag = try readVarint()
    guard let small = UInt32(exactly: tag), small >= 8 else {
      throw WireError(kind: .invalidFieldNumber, offset: start)
    }
    let wireType = UInt8(small & 7)
    guard wireType <= 5 else { throw WireError(kind: .invalidWireType, offset: start) }
    return (small >> 3, wireType)
  }

  /// Reads to behind the end of the group whose start tag was read.
  private mutating func readGroup(number: UInt32, start: Int) throws(WireError) -> WireReader {
    let bodyOffset = offset
    var bodyEnd = offset
    var open = [number]
    while let group = open.last {
      guard !isAtEnd else { throw WireError(kind: .unmatchedGroup, offset: start) }
      let tagOffset = offset
      let (number, wireType) = try readTag()
      switch wireType {
      case 0: _ = try readVarint()
      case 1: _ = try readFixed64()
      case 2: _ = try readLengthDelimited()
      case 3:
        guard open.count < Self.maxGroupDepth else { throw WireError(kind: .groupTooDeep, offset: tagOffset) }
        open.append(number)
      case 4:
        guard number == group else { throw WireError(kind: .unmatchedGroup, offset: tagOffset) }
        open.removeLast()
        bodyEnd = tagOffset
      default: _ = try readFixed32()
      }
    }
    return WireReader(base: base, offset: bodyOffset, end: bodyEnd)
  }
}
