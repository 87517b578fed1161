extension JSONMessageDecoder {
  /// The value that `json` stands for in a field that holds no message.
  func scalar(
    _ json: JSONValue, of field: FieldDescriptor, in layout: MessageLayout
  ) throws(JSONMappingError) -> EncodedScalar {
    do throws(ScalarError) {
      switch field.kind {
      case .double: return .fixed64(try floatingPoint(json, as: Double.self).bitPattern)
      case .float: return .fixed32(try floatingPoint(json, as: Float.self).bitPattern)
      case .int32: return .varint(UInt64(bitPattern: Int64(try integer(json, as: Int32.self))))
      case .int64: return .varint(UInt64(bitPattern: try integer(json, as: Int64.self)))
      case .uint32: return .varint(UInt64(try integer(json, as: UInt32.self)))
      case .uint64: return .varint(try integer(json, as: UInt64.self))
      case .sint32: return .varint(ZigZag.encode(Int64(try integer(json, as: Int32.self))))
      case .sint64: return .varint(ZigZag.encode(try integer(json, as: Int64.self)))
      case .fixed32: return .fixed32(try integer(json, as: UInt32.self))
      case .fixed64: return .fixed64(try integer(json, as: UInt64.self))
      case .sfixed32: return .fixed32(UInt32(bitPattern: try integer(json, as: Int32.self)))
      case .sfixed64: return .fixed64(UInt64(bitPattern: try integer(json, as: Int64.self)))
      case .bool:
        guard case .bool(let value) = json else { throw .wrongType("true or false") }
        return .varint(value ? 1 : 0)
      case .string:
        guard case .string(let text) = json else { throw .wrongType("a string") }
        return .string(text)
      case .bytes:
        guard case .string(let text) = json else { throw .wrongType("a string of base64") }
        guard let bytes = Base64.decode(text) else { throw .invalidBase64 }
        return .bytes(bytes)
      case .enumeration(let index):
        return .varint(UInt64(bitPattern: Int64(try enumNumber(json, of: pool.enums[index]))))
      case .message, .group: throw .wrongType("no message")
      }
    } catch {
      throw JSONMappingError(error.kind(field: field, found: json), in: layout.fullName)
    }
  }

  /// An integer, written as a number or as a string that holds one.
  private func integer<T: FixedWidthInteger>(_ json: JSONValue, as type: T.Type) throws(ScalarError) -> T {
    let digits = try digits(of: json, expected: "a number")
    do {
      return try JSONNumber.integer(digits, as: T.self)
    } catch {
      throw error == .notIntegral ? .notIntegral : .outOfRange
    }
  }

  private func floatingPoint<T: BinaryFloatingPoint & LosslessStringConvertible>(
    _ json: JSONValue, as type: T.Type
  ) throws(ScalarError) -> T {
    switch json {
    case .string("NaN"): return .nan
    case .string("Infinity"): return .infinity
    case .string("-Infinity"): return -.infinity
    default: break
    }
    let digits = try digits(of: json, expected: "a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    guard let value = T(digits), value.isFinite else { throw .outOfRange }
    return value
  }

  private func digits(of json: JSONValue, expected: String) throws(ScalarError) -> String {
    switch json {
    case .number(let digits): return digits
    case .string(let text)
    where text.utf8.count <= JSONParser.Limits.default.maxNumberBytes
      && JSONNumber.isNumber(text):
      return text
    default: throw .wrongType(expected)
    }
  }

  private func enumNumber(_ json: JSONValue, of type: EnumDescriptor) throws(ScalarError) -> Int32 {
    switch json {
    case .null where type.isNullValue: return 0
    case .number:
      return try integer(json, as: Int32.self)
    case .string(let name):
      guard let number = type.number(of: name) else { throw .unknownEnumValue(name, type) }
      return number
    default: throw .wrongType("the name or number of a value of \(type.fullName)")
    }
  }
}

/// A fault of one value, before it is known where the value stands.
private enum ScalarError: Error {
  case wrongType(String)
  case notIntegral
  case outOfRange
  case invalidBase64
  case unknownEnumValue(String, EnumDescriptor)

  func kind(field: FieldDescriptor, found json: JSONValue) -> JSONMappingError.Kind {
    switch self {
    case .wrongType(let expected): .wrongType(expected: expected, found: json.kindName)
    case .notIntegral: .notIntegral
    case .outOfRange: .outOfRange(kind: field.kind.name)
    case .invalidBase64: .invalidBase64
    case .unknownEnumValue(let name, let type):
      .unknownEnumValue(
        name, enumName: type.fullName, suggestion: NameSuggestion.closest(to: name, among: type.values.lazy.map(\.name))
      )
    }
  }
}
