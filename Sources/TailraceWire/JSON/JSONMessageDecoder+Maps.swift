internal import NIOCore

// Maps: an object in JSON, repeated entries on the wire, each a message of a key and a value.
extension JSONMessageDecoder {
  /// Appends the entries of a map, in the order of the text. Each key may be there once.
  func appendMap(
    _ json: JSONValue, of entry: MessageLayout, _ field: FieldDescriptor, in layout: MessageLayout, depth: Int,
    to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    guard case .object(let members) = json else {
      throw JSONMappingError(.wrongType(expected: "an object", found: json.kindName), in: layout.fullName)
    }
    guard let keyField = entry.mapKey, let valueField = entry.mapValue else {
      throw JSONMappingError(.invalidForm("the map has no key, or no values"), in: layout.fullName)
    }
    // By bytes: texts that mean the same to a reader are different keys.
    var seen: Set<ByteBuffer> = []
    for member in members {
      do throws(JSONMappingError) {
        var body = ByteBuffer()
        let key = try scalar(keyValue(member.name, keyField), of: keyField, in: entry)
        body.writeTag(keyField.number, wireType: keyField.kind.wireType)
        body.writeScalar(key)
        guard seen.insert(body).inserted else { throw JSONMappingError(.duplicateField, in: layout.fullName) }
        try appendMapValue(member.value, of: valueField, in: entry, depth: depth, to: &body)
        output.writeField(field.number, body)
      } catch {
        throw error.under("[\"\(printable(member.name))\"]")
      }
    }
  }

  /// A key as it would stand in a field: all keys of JSON are strings.
  private func keyValue(_ name: String, _ field: FieldDescriptor) -> JSONValue {
    guard field.kind == .bool else { return .string(name) }
    switch name {
    case "true": return .bool(true)
    case "false": return .bool(false)
    default: return .string(name)
    }
  }

  private func appendMapValue(
    _ json: JSONValue, of field: FieldDescriptor, in entry: MessageLayout, depth: Int, to body: inout ByteBuffer
  ) throws(JSONMappingError) {
    if let index = field.kind.messageIndex {
      return try appendMessage(json, as: pool.messageLayouts[index], of: field, depth: depth + 1, to: &body)
    }
    let value = try scalar(json, of: field, in: entry)
    body.writeTag(field.number, wireType: field.kind.wireType)
    body.writeScalar(value)
  }
}
