extension JSONMessageEncoder {
  /// Writes one value that is no message. Returns false for a string that is not UTF-8.
  mutating func writeScalar(_ kind: FieldKind, _ value: WireValue) -> Bool {
    switch (kind, value) {
    case (.double, .fixed64(let bits)): writer.double(Double(bitPattern: bits))
    case (.float, .fixed32(let bits)): writer.float(Float(bitPattern: bits))
    case (.int32, .varint(let bits)): writer.integer(Int32(truncatingIfNeeded: bits))
    case (.int64, .varint(let bits)): writer.quotedInteger(Int64(bitPattern: bits))
    case (.uint32, .varint(let bits)): writer.integer(UInt32(truncatingIfNeeded: bits))
    case (.uint64, .varint(let bits)): writer.quotedInteger(bits)
    case (.sint32, .varint(let bits)): writer.integer(Int32(truncatingIfNeeded: zigZagDecoded(bits & 0xffff_ffff)))
    case (.sint64, .varint(let bits)): writer.quotedInteger(zigZagDecoded(bits))
    case (.fixed32, .fixed32(let bits)): writer.integer(bits)
    case (.fixed64, .fixed64(let bits)): writer.quotedInteger(bits)
    case (.sfixed32, .fixed32(let bits)): writer.integer(Int32(bitPattern: bits))
    case (.sfixed64, .fixed64(let bits)): writer.quotedInteger(Int64(bitPattern: bits))
    case (.bool, .varint(let bits)): writer.bool(bits != 0)
    case (.enumeration(let index), .varint(let bits)):
      let number = Int32(truncatingIfNeeded: bits)
      if pool.enums[index].isNullValue {
        writer.null()
      } else if let name = pool.enums[index].name(of: number) {
        writer.string(name)
      } else {
        writer.integer(number)
      }
    case (.string, .lengthDelimited(let body)): return writer.string(utf8: body.rest)
    case (.bytes, .lengthDelimited(let body)): writer.base64(body.rest)
    default: return false
    }
    return true
  }

  func nextField(
    _ reader: inout WireReader, in layout: MessageLayout
  ) throws(JSONMappingError) -> WireField? {
    do {
      return try reader.nextField()
    } catch {
      throw JSONMappingError(.wire(error), in: layout.fullName)
    }
  }

  func nextElement(
    _ run: inout WireReader, _ kind: FieldKind, in layout: MessageLayout
  ) throws(JSONMappingError) -> WireValue {
    do {
      switch kind.wireType {
      case 1: return .fixed64(try run.readFixed64())
      case 5: return .fixed32(try run.readFixed32())
      default: return .varint(try run.readVarint())
      }
    } catch {
      throw JSONMappingError(.wire(error), in: layout.fullName)
    }
  }

  /// Reads a noted field once more.
  func value(
    at index: Int, origin: WireReader, in layout: MessageLayout
  ) throws(JSONMappingError) -> WireValue {
    var reader = origin.moved(to: occurrences[index].offset)
    return try nextField(&reader, in: layout)?.value ?? .varint(0)
  }
}

/// The inverse of `ZigZag.encode`.
func zigZagDecoded(_ bits: UInt64) -> Int64 {
  Int64(bitPattern: (bits >> 1) ^ (0 &- (bits & 1)))
}

extension FieldKind {
  /// What an absent field of this kind counts as.
  var zero: WireValue {
    switch wireType {
    case 0: .varint(0)
    case 1: .fixed64(0)
    case 5: .fixed32(0)
    default: .lengthDelimited(WireReader(UnsafeRawBufferPointer(start: nil, count: 0)))
    }
  }
}

extension WireValue {
  /// What a message or a group holds; nil of all else.
  var body: WireReader? {
    switch self {
    case .lengthDelimited(let body), .group(let body): body
    default: nil
    }
  }

  /// Whether a field of that kind has its default. Of a varint, 32-bit kinds keep the lower half.
  func isZero(as kind: FieldKind) -> Bool {
    switch self {
    case .varint(let bits):
      switch kind {
      case .int32, .uint32, .sint32, .enumeration: bits & 0xffff_ffff == 0
      default: bits == 0
      }
    case .fixed64(let bits): bits == 0
    case .fixed32(let bits): bits == 0
    case .lengthDelimited(let body): body.isAtEnd
    case .group: true
    }
  }
}
