internal import NIOCore

/// Turns a JSON tree into a serialised message.
struct JSONMessageDecoder {
  let pool: DescriptorPool
  let options: ProtobufJSON.DecodingOptions

  /// Appends the message that `json` stands for, its fields in the order of their numbers.
  func append(
    _ json: JSONValue, as layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    guard depth <= options.maxDepth else {
      throw JSONMappingError(.tooDeep(maxDepth: options.maxDepth), in: layout.fullName)
    }
    if let type = layout.wellKnown { return try append(json, of: type, as: layout, depth: depth, to: &output) }
    guard case .object(let members) = json else {
      throw JSONMappingError(.wrongType(expected: "an object", found: json.kindName), in: layout.fullName)
    }
    try append(members, as: layout, depth: depth, to: &output)
  }

  /// Appends what the members of an object stand for.
  func append(
    _ members: [JSONMember], as layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    var assignments = try assignments(of: members, in: layout)
    assignments.sort { $0.field.number < $1.field.number }
    for (field, value, name) in assignments {
      do {
        if let entry = pool.mapEntry(of: field) {
          try appendMap(value, of: entry, field, in: layout, depth: depth, to: &output)
        } else if field.isRepeated {
          try appendElements(value, of: field, in: layout, depth: depth, to: &output)
        } else {
          try appendValue(value, of: field, in: layout, depth: depth, to: &output)
        }
      } catch {
        throw error.under(name)
      }
    }
  }

  private typealias Assignment = (field: FieldDescriptor, value: JSONValue, name: String)

  /// Which fields get which values; each at most once, of each oneof at most one.
  private func assignments(
    of members: [JSONMember], in layout: MessageLayout
  ) throws(JSONMappingError) -> [Assignment] {
    var result: [Assignment] = []
    var seen: Set<UInt32> = []
    var oneofs: [Int: String] = [:]
    for member in members {
      guard let place = layout.place(name: member.name) else {
        if options.ignoresUnknownFields { continue }
        let suggestion = NameSuggestion.closest(to: member.name, among: layout.fields.lazy.map(\.jsonName))
        throw JSONMappingError(
          .unknownField(member.name, suggestion: suggestion), path: printable(member.name), in: layout.fullName)
      }
      let field = layout.fields[place]
      guard seen.insert(field.number).inserted else {
        throw JSONMappingError(.duplicateField, path: member.name, in: layout.fullName)
      }
      if member.value == .null && !takesNull(field) { continue }
      if let index = field.oneofIndex, let other = oneofs.updateValue(member.name, forKey: index) {
        throw JSONMappingError(
          .oneofConflict(oneof: field.oneof ?? "", other: other), path: member.name, in: layout.fullName)
      }
      result.append((field, member.value, member.name))
    }
    return result
  }

  /// Whether null is a value of the field's, and does not mean that it is absent.
  func takesNull(_ field: FieldDescriptor) -> Bool {
    guard !field.isRepeated else { return false }
    return switch field.kind {
    case .message(let index): pool.messageLayouts[index].wellKnown == .value
    case .enumeration(let index): pool.enums[index].isNullValue
    default: false
    }
  }

  private func appendValue(
    _ json: JSONValue, of field: FieldDescriptor, in layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    if let index = field.kind.messageIndex {
      return try appendMessage(json, as: pool.messageLayouts[index], of: field, depth: depth + 1, to: &output)
    }
    let value = try scalar(json, of: field, in: layout)
    guard field.hasPresence || !value.isZero else { return }
    output.writeTag(field.number, wireType: field.kind.wireType)
    output.writeScalar(value)
  }

  private func appendElements(
    _ json: JSONValue, of field: FieldDescriptor, in layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    guard case .array(let elements) = json else {
      throw JSONMappingError(.wrongType(expected: "an array", found: json.kindName), in: layout.fullName)
    }
    var run = ByteBuffer()
    for (index, element) in elements.enumerated() {
      do {
        if let type = field.kind.messageIndex {
          try appendMessage(element, as: pool.messageLayouts[type], of: field, depth: depth + 1, to: &output)
        } else if field.isPacked {
          run.writeScalar(try scalar(element, of: field, in: layout))
        } else {
          let value = try scalar(element, of: field, in: layout)
          output.writeTag(field.number, wireType: field.kind.wireType)
          output.writeScalar(value)
        }
      } catch {
        throw error.under("[\(index)]")
      }
    }
    guard field.isPacked, !elements.isEmpty else { return }
    output.writeField(field.number, run)
  }

  func appendMessage(
    _ json: JSONValue, as layout: MessageLayout, of field: FieldDescriptor, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    if case .group = field.kind {
      output.writeTag(field.number, wireType: 3)
      try append(json, as: layout, depth: depth, to: &output)
      output.writeTag(field.number, wireType: 4)
      return
    }
    var body = ByteBuffer()
    try append(json, as: layout, depth: depth, to: &body)
    output.writeField(field.number, body)
  }
}

/// A value ready for the wire.
enum EncodedScalar {
  case varint(UInt64)
  case fixed64(UInt64)
  case fixed32(UInt32)
  case string(String)
  case bytes([UInt8])

  var isZero: Bool {
    switch self {
    case .varint(let bits), .fixed64(let bits): bits == 0
    case .fixed32(let bits): bits == 0
    case .string(let text): text.isEmpty
    case .bytes(let bytes): bytes.isEmpty
    }
  }
}

extension ByteBuffer {
  mutating func writeTag(_ number: UInt32, wireType: UInt8) {
    writeVarint(UInt64(number) << 3 | UInt64(wireType))
  }

  /// A length-delimited field.
  mutating func writeField(_ number: UInt32, _ body: ByteBuffer) {
    writeTag(number, wireType: 2)
    writeVarint(UInt64(body.readableBytes))
    writeImmutableBuffer(body)
  }

  mutating func writeScalar(_ value: EncodedScalar) {
    switch value {
    case .varint(let bits): writeVarint(bits)
    case .fixed64(let bits): writeInteger(bits, endianness: .little)
    case .fixed32(let bits): writeInteger(bits, endianness: .little)
    case .string(let text):
      writeVarint(UInt64(text.utf8.count))
      writeString(text)
    case .bytes(let bytes):
      writeVarint(UInt64(bytes.count))
      writeBytes(bytes)
    }
  }
}
