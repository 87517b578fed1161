// The types of google.protobuf that have a JSON form of their own. What is not theirs in them is dropped.
extension JSONMessageEncoder {
  /// Writes a message that lies in one piece, or in several that are to be merged.
  mutating func write(
    _ pieces: some Collection<WireReader>, of type: WellKnownType, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    switch type {
    case .timestamp: try writeTimestamp(pieces, in: layout)
    case .duration: try writeDuration(pieces, in: layout)
    case .fieldMask: try writeFieldMask(pieces, in: layout)
    case .structure: try writeStruct(pieces, as: layout, depth: depth)
    case .value: try writeValue(pieces, as: layout, depth: depth)
    case .list: try writeList(pieces, as: layout, depth: depth)
    case .any: try writeAny(pieces, in: layout, depth: depth)
    case .wrapper: try writeWrapped(pieces, in: layout)
    }
  }

  private func invalid(_ why: String, _ layout: MessageLayout) -> JSONMappingError {
    JSONMappingError(.invalidForm(why), in: layout.fullName)
  }

  /// Calls `body` with each field.
  private func forEachField(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout,
    _ body: (UInt32, WireValue) throws(JSONMappingError) -> Void
  ) throws(JSONMappingError) {
    for piece in pieces {
      var reader = piece
      while let field = try nextField(&reader, in: layout) { try body(field.number, field.value) }
    }
  }

  /// Fields 1 and 2 of a Timestamp or a Duration.
  private func time(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout
  ) throws(JSONMappingError) -> (seconds: Int64, nanoseconds: Int64) {
    var (seconds, nanoseconds): (Int64, Int64) = (0, 0)
    try forEachField(pieces, in: layout) { number, value throws(JSONMappingError) in
      guard case .varint(let bits) = value else { return }
      if number == 1 { seconds = Int64(bitPattern: bits) }
      if number == 2 { nanoseconds = Int64(Int32(truncatingIfNeeded: bits)) }
    }
    return (seconds, nanoseconds)
  }

  private mutating func writeTimestamp(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout
  ) throws(JSONMappingError) {
    let (seconds, nanoseconds) = try time(pieces, in: layout)
    guard let text = TimestampText.text(seconds: seconds, nanoseconds: nanoseconds) else {
      throw invalid("\(seconds) s and \(nanoseconds) ns are no time of the years 1 to 9999", layout)
    }
    writer.string(text)
  }

  private mutating func writeDuration(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout
  ) throws(JSONMappingError) {
    let (seconds, nanoseconds) = try time(pieces, in: layout)
    guard let duration = DurationText(seconds: seconds, nanoseconds: nanoseconds) else {
      throw invalid(
        "\(seconds) s and \(nanoseconds) ns are no duration of at most \(DurationText.maxSeconds) s and one sign",
        layout)
    }
    writer.string(duration.text)
  }

  private mutating func writeFieldMask(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout
  ) throws(JSONMappingError) {
    var paths: [String] = []
    try forEachField(pieces, in: layout) { number, value throws(JSONMappingError) in
      guard number == 1, case .lengthDelimited(let body) = value else { return }
      guard let path = String(validating: body.rest, as: UTF8.self) else {
        throw JSONMappingError(.invalidUTF8, in: layout.fullName)
      }
      guard let text = FieldMaskPath.json(path) else {
        throw invalid("the path '\(printable(path))' has no JSON form that stands for it alone", layout)
      }
      paths.append(text)
    }
    writer.string(paths.joined(separator: ","))
  }

  private mutating func writeWrapped(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout
  ) throws(JSONMappingError) {
    guard let place = layout.place(number: 1) else { throw invalid("the type has no field 1", layout) }
    let field = layout.fields[place]
    var value = field.kind.zero
    try forEachField(pieces, in: layout) { number, found throws(JSONMappingError) in
      if number == 1, fits(found, field) { value = found }
    }
    guard writeScalar(field.kind, value) else { throw JSONMappingError(.invalidUTF8, in: layout.fullName) }
  }

  private mutating func writeStruct(
    _ pieces: some Collection<WireReader>, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    guard let place = layout.place(number: 1), let entry = mapEntry(of: layout.fields[place]), let origin = pieces.first
    else { throw invalid("the type is not that of google/protobuf/struct.proto", layout) }
    let first = mark()
    defer { forget(from: first) }
    for piece in pieces { try note(piece, as: layout) }
    try writeMap(first..<mark(), of: entry, origin: origin, in: layout, depth: depth)
  }

  private mutating func writeList(
    _ pieces: some Collection<WireReader>, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    guard let place = layout.place(number: 1), let index = layout.fields[place].kind.messageIndex else {
      throw invalid("the type is not that of google/protobuf/struct.proto", layout)
    }
    writer.beginArray()
    var count = 0
    for piece in pieces {
      var reader = piece
      while let field = try nextField(&reader, in: layout) {
        guard field.number == 1, case .lengthDelimited(let body) = field.value else { continue }
        do throws(JSONMappingError) {
          try write(CollectionOfOne(body), as: pool.messageLayouts[index], depth: depth + 1)
        } catch {
          throw error.under("[\(count)]")
        }
        count += 1
      }
    }
    writer.endArray()
  }

  /// Writes the member of the oneof that was set last. None is null, as Python has it.
  private mutating func writeValue(
    _ pieces: some Collection<WireReader>, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    var member: UInt32 = 0
    // Those of the last member, one after the other: messages are merged.
    var values: [WireValue] = []
    try forEachField(pieces, in: layout) { number, value throws(JSONMappingError) in
      guard WellKnownType.ValueField.all.contains(number), let place = layout.place(number: number),
        fits(value, layout.fields[place])
      else { return }
      if number != member { (member, values) = (number, []) }
      values.append(value)
    }
    guard let last = values.last, let place = layout.place(number: member) else { return writer.null() }
    let kind = layout.fields[place].kind
    if let index = kind.messageIndex {
      return try write(values.compactMap(\.body), as: pool.messageLayouts[index], depth: depth + 1)
    }
    if member == WellKnownType.ValueField.number, case .fixed64(let bits) = last, !Double(bitPattern: bits).isFinite {
      throw invalid("a number of JSON is neither infinite nor NaN", layout)
    }
    guard writeScalar(kind, last) else { throw JSONMappingError(.invalidUTF8, in: layout.fullName) }
  }

  private mutating func writeAny(
    _ pieces: some Collection<WireReader>, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    let nothing = WireReader(UnsafeRawBufferPointer(start: nil, count: 0))
    var (url, body) = (nothing, nothing)
    try forEachField(pieces, in: layout) { number, value throws(JSONMappingError) in
      guard case .lengthDelimited(let bytes) = value else { return }
      if number == 1 { url = bytes }
      if number == 2 { body = bytes }
    }
    writer.beginObject()
    if !url.isAtEnd || !body.isAtEnd {
      guard let url = String(validating: url.rest, as: UTF8.self) else {
        throw JSONMappingError(.invalidUTF8, in: layout.fullName)
      }
      writer.name("@type")
      writer.string(url)
      try writeContents(body, as: pool.message(named: WellKnownType.typeName(ofURL: url))?.layout, depth: depth + 1)
    }
    writer.endObject()
  }

  /// Writes the members of an Any behind its type, which is nil where nobody knows it.
  private mutating func writeContents(
    _ body: WireReader, as layout: MessageLayout?, depth: Int
  ) throws(JSONMappingError) {
    guard let layout else {
      writer.name("value")
      return writer.base64(body.rest)
    }
    guard layout.wellKnown == nil else {
      writer.name("value")
      return try write(CollectionOfOne(body), as: layout, depth: depth)
    }
    guard depth <= options.maxDepth else {
      throw JSONMappingError(.tooDeep(maxDepth: options.maxDepth), in: layout.fullName)
    }
    try writeMembers(CollectionOfOne(body), as: layout, depth: depth)
  }
}
