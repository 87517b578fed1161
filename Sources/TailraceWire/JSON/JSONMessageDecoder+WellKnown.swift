internal import NIOCore

// The types of google.protobuf that have a JSON form of their own.
extension JSONMessageDecoder {
  /// Appends the message that `json` stands for.
  func append(
    _ json: JSONValue, of type: WellKnownType, as layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    switch type {
    case .timestamp:
      guard let time = TimestampText.parse(try text(json, Self.timestampForm, in: layout)) else {
        throw invalid("expected \(Self.timestampForm), of the years 1 to 9999", layout)
      }
      output.writeTime(seconds: time.seconds, nanoseconds: time.nanoseconds)
    case .duration:
      guard let duration = DurationText(try text(json, Self.durationForm, in: layout)) else {
        throw invalid("expected \(Self.durationForm), at most \(DurationText.maxSeconds)s", layout)
      }
      output.writeTime(seconds: duration.seconds, nanoseconds: duration.nanoseconds)
    case .fieldMask: try appendFieldMask(json, in: layout, to: &output)
    case .structure: try appendStruct(json, as: layout, depth: depth, to: &output)
    case .value: try appendValue(json, as: layout, depth: depth, to: &output)
    case .list: try appendList(json, as: layout, depth: depth, to: &output)
    case .any: try appendAny(json, in: layout, depth: depth, to: &output)
    case .wrapper: try appendWrapped(json, in: layout, to: &output)
    }
  }

  private static let timestampForm = "a time such as \"2026-01-31T23:59:59.5Z\""
  private static let durationForm = "a duration such as \"1.5s\""

  private func invalid(_ why: String, _ layout: MessageLayout) -> JSONMappingError {
    JSONMappingError(.invalidForm(why), in: layout.fullName)
  }

  private func text(
    _ json: JSONValue, _ expected: String, in layout: MessageLayout
  ) throws(JSONMappingError) -> String {
    guard case .string(let text) = json else {
      throw JSONMappingError(.wrongType(expected: expected, found: json.kindName), in: layout.fullName)
    }
    return text
  }

  private func field(_ number: UInt32, of layout: MessageLayout) throws(JSONMappingError) -> FieldDescriptor {
    guard let place = layout.place(number: number) else { throw invalid("the type has no field \(number)", layout) }
    return layout.fields[place]
  }

  private func appendFieldMask(
    _ json: JSONValue, in layout: MessageLayout, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    let text = try text(json, "a string of paths", in: layout)
    guard !text.isEmpty else { return }
    for path in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let path = FieldMaskPath.wire(path) else {
        throw invalid("the path '\(printable(String(path)))' has an underscore; it is in lowerCamelCase", layout)
      }
      output.writeField(1, ByteBuffer(string: path))
    }
  }

  private func appendWrapped(
    _ json: JSONValue, in layout: MessageLayout, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    let field = try field(1, of: layout)
    let value = try scalar(json, of: field, in: layout)
    guard !value.isZero else { return }
    output.writeTag(field.number, wireType: field.kind.wireType)
    output.writeScalar(value)
  }

  private func appendStruct(
    _ json: JSONValue, as layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    let field = try field(1, of: layout)
    guard let entry = pool.mapEntry(of: field) else {
      throw invalid("the type is not that of google/protobuf/struct.proto", layout)
    }
    try appendMap(json, of: entry, field, in: layout, depth: depth, to: &output)
  }

  private func appendList(
    _ json: JSONValue, as layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    guard case .array(let elements) = json else {
      throw JSONMappingError(.wrongType(expected: "an array", found: json.kindName), in: layout.fullName)
    }
    let field = try field(1, of: layout)
    guard let index = field.kind.messageIndex else {
      throw invalid("the type is not that of google/protobuf/struct.proto", layout)
    }
    for (place, element) in elements.enumerated() {
      do throws(JSONMappingError) {
        try appendMessage(element, as: pool.messageLayouts[index], of: field, depth: depth + 1, to: &output)
      } catch {
        throw error.under("[\(place)]")
      }
    }
  }

  private func appendValue(
    _ json: JSONValue, as layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    let number =
      switch json {
      case .null: WellKnownType.ValueField.null
      case .number: WellKnownType.ValueField.number
      case .string: WellKnownType.ValueField.string
      case .bool: WellKnownType.ValueField.bool
      case .object: WellKnownType.ValueField.structure
      case .array: WellKnownType.ValueField.list
      }
    let field = try field(number, of: layout)
    if let index = field.kind.messageIndex {
      return try appendMessage(json, as: pool.messageLayouts[index], of: field, depth: depth + 1, to: &output)
    }
    let value = try scalar(json, of: field, in: layout)
    output.writeTag(field.number, wireType: field.kind.wireType)
    output.writeScalar(value)
  }

  private func appendAny(
    _ json: JSONValue, in layout: MessageLayout, depth: Int, to output: inout ByteBuffer
  ) throws(JSONMappingError) {
    guard case .object(var members) = json else {
      throw JSONMappingError(.wrongType(expected: "an object with @type", found: json.kindName), in: layout.fullName)
    }
    guard !members.isEmpty else { return }
    guard let place = members.firstIndex(where: { $0.name == "@type" }), case .string(let url) = members[place].value
    else { throw invalid("there is no @type, such as \"type.googleapis.com/google.protobuf.Duration\"", layout) }
    members.remove(at: place)
    let type = pool.message(named: WellKnownType.typeName(ofURL: url))?.layout
    let value = try contents(members, as: type, url, in: layout, depth: depth + 1)
    if !url.isEmpty { output.writeField(1, ByteBuffer(string: url)) }
    if value.readableBytes > 0 { output.writeField(2, value) }
  }

  /// What an Any holds. `type`: nil where nobody knows it.
  private func contents(
    _ members: [JSONMember], as type: MessageLayout?, _ url: String, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) -> ByteBuffer {
    var value = ByteBuffer()
    if let type, type.wellKnown == nil {
      guard depth <= options.maxDepth else {
        throw JSONMappingError(.tooDeep(maxDepth: options.maxDepth), in: type.fullName)
      }
      try append(members, as: type, depth: depth, to: &value)
      return value
    }
    guard members.count == 1, let member = members.first, member.name == "value" else {
      let hint =
        type == nil
        ? "nobody here knows \(printable(url)), so it has its bytes as \"value\", in base64"
        : "the type's form is that of its \"value\""
      throw invalid("beside @type there is one member: \(hint)", layout)
    }
    if let type {
      do throws(JSONMappingError) { try append(member.value, as: type, depth: depth, to: &value) } catch {
        throw error.under("value")
      }
      return value
    }
    guard case .string(let text) = member.value, let bytes = Base64.decode(text) else {
      throw JSONMappingError(.invalidBase64, path: "value", in: layout.fullName)
    }
    return ByteBuffer(bytes: bytes)
  }
}

extension ByteBuffer {
  /// Fields 1 and 2 of a Timestamp or a Duration.
  fileprivate mutating func writeTime(seconds: Int64, nanoseconds: Int64) {
    for (number, value) in [(1, seconds), (2, nanoseconds)] as [(UInt32, Int64)] where value != 0 {
      writeTag(number, wireType: 0)
      writeVarint(UInt64(bitPattern: value))
    }
  }
}
