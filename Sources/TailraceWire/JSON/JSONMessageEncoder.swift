/// Walks a serialised message and writes its JSON form.
///
/// A first pass over each message notes where its known fields lie; sorted, these notes give the order of declaration,
/// with the occurrences of one field together and in the order of the wire. They lie on one stack for all levels, so
/// that a message costs no allocation of its own.
struct JSONMessageEncoder {
  /// Fields noted at one time: beyond it a message is refused, since each note takes four times the shortest field.
  private static let maxOccurrences = 4 << 20

  let pool: DescriptorPool
  let options: ProtobufJSON.EncodingOptions
  var writer: JSONWriter
  private var occurrences: [Occurrence] = []
  private let startBytes: Int

  init(pool: DescriptorPool, options: ProtobufJSON.EncodingOptions, writer: consuming JSONWriter) {
    self.pool = pool
    self.options = options
    startBytes = writer.bytes.count
    self.writer = writer
  }

  mutating func encode(_ message: UnsafeRawBufferPointer, as layout: MessageLayout) throws(JSONMappingError) {
    guard message.count <= UInt32.max else { throw JSONMappingError(.tooLarge, in: layout.fullName) }
    try write(CollectionOfOne(WireReader(message)), as: layout, depth: 0)
  }

  /// Writes one message that lies in one piece, or in several that are to be merged.
  private mutating func write(
    _ pieces: some Collection<WireReader>, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    guard depth <= options.maxDepth else {
      throw JSONMappingError(.tooDeep(maxDepth: options.maxDepth), in: layout.fullName)
    }
    try ProtobufJSON.requireConvertible(layout)
    try checkSize(in: layout)
    let first = occurrences.count
    defer { occurrences.removeSubrange(first...) }
    for piece in pieces { try note(piece, as: layout) }
    if layout.oneofCount > 0 { dropOverwrittenOneofs(from: first, as: layout) }
    sortOccurrences(from: first)
    guard let origin = pieces.first else { return }
    writer.beginObject()
    var next = first
    var unprinted = 0
    while next < occurrences.count {
      let place = occurrences[next].place
      var end = next + 1
      while end < occurrences.count, occurrences[end].place == place { end += 1 }
      writeDefaults(of: unprinted..<place, as: layout)
      try writeField(layout.fields[place], next..<end, origin: origin, in: layout, depth: depth)
      unprinted = place + 1
      next = end
    }
    writeDefaults(of: unprinted..<layout.fields.count, as: layout)
    writer.endObject()
  }

  /// Notes the known fields of a piece. A field whose wire type is not its kind's counts as unknown.
  private mutating func note(_ piece: WireReader, as layout: MessageLayout) throws(JSONMappingError) {
    var reader = piece
    while let field = try nextField(&reader, in: layout) {
      guard let place = layout.place(number: field.number), fits(field.value, layout.fields[place]) else { continue }
      guard occurrences.count < Self.maxOccurrences else { throw JSONMappingError(.tooLarge, in: layout.fullName) }
      occurrences.append(Occurrence(place: place, offset: field.offset))
    }
  }

  private func fits(_ value: WireValue, _ field: FieldDescriptor) -> Bool {
    let wireType = field.kind.wireType
    switch value {
    case .varint: return wireType == 0
    case .fixed64: return wireType == 1
    case .fixed32: return wireType == 5
    case .lengthDelimited: return wireType == 2 || (field.isRepeated && field.kind.isPackable)
    case .group: return wireType == 3
    }
  }

  /// Setting a member of a oneof clears the others: only what follows the last change of member counts.
  private mutating func dropOverwrittenOneofs(from first: Int, as layout: MessageLayout) {
    let members = occurrences[first...].lazy.filter { layout.fields[$0.place].oneofIndex != nil }
    guard members.dropFirst().first != nil else { return }
    var winners: [Int: (place: Int, isSettled: Bool)] = [:]
    var kept: [Occurrence] = []
    for occurrence in occurrences[first...].reversed() {
      if let oneof = layout.fields[occurrence.place].oneofIndex {
        var winner = winners[oneof] ?? (occurrence.place, false)
        if winner.place != occurrence.place { winner.isSettled = true }
        winners[oneof] = winner
        if winner.isSettled { continue }
      }
      kept.append(occurrence)
    }
    occurrences.replaceSubrange(first..., with: kept.reversed())
  }

  private mutating func sortOccurrences(from first: Int) {
    let isSorted = zip(occurrences[first...], occurrences[first...].dropFirst()).allSatisfy { $0 < $1 }
    if !isSorted { occurrences[first...].sort() }
  }

  /// Writes the fields between two that were on the wire.
  private mutating func writeDefaults(of places: Range<Int>, as layout: MessageLayout) {
    guard options.alwaysPrintsFieldsWithoutPresence else { return }
    for field in layout.fields[places] where !field.hasPresence && field.kind != .group {
      writeName(of: field)
      if field.isRepeated {
        writer.beginArray()
        writer.endArray()
      } else {
        _ = writeScalar(field.kind, field.kind.zero)
      }
    }
  }
}

// MARK: Fields

extension JSONMessageEncoder {
  private mutating func writeField(
    _ field: FieldDescriptor, _ range: Range<Int>, origin: WireReader, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    do throws(JSONMappingError) {
      if field.kind == .group { throw JSONMappingError(.unsupported("a group"), in: layout.fullName) }
      if field.isRepeated {
        try writeElements(of: field, range, origin: origin, in: layout, depth: depth)
      } else if case .message(let index) = field.kind {
        writeName(of: field)
        try writeMerged(range, as: pool.messageLayouts[index], origin: origin, in: layout, depth: depth + 1)
      } else {
        let value = try value(at: range.upperBound - 1, origin: origin, in: layout)
        let isPrinted = field.hasPresence || options.alwaysPrintsFieldsWithoutPresence || !value.isZero(as: field.kind)
        guard isPrinted else { return }
        writeName(of: field)
        guard writeScalar(field.kind, value) else { throw JSONMappingError(.invalidUTF8, in: layout.fullName) }
      }
    } catch {
      throw error.under(fieldName(field))
    }
    try checkSize(in: layout)
  }

  /// Throws once the output is longer than allowed.
  private func checkSize(in layout: MessageLayout) throws(JSONMappingError) {
    guard writer.bytes.count - startBytes <= options.maxOutputBytes else {
      throw JSONMappingError(.tooLarge, in: layout.fullName)
    }
  }

  /// Writes a singular message, of which the occurrences count as one.
  private mutating func writeMerged(
    _ range: Range<Int>, as type: MessageLayout, origin: WireReader, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    if range.count == 1 {
      guard case .lengthDelimited(let body) = try value(at: range.lowerBound, origin: origin, in: layout) else {
        return
      }
      return try write(CollectionOfOne(body), as: type, depth: depth)
    }
    var pieces: [WireReader] = []
    for index in range {
      guard case .lengthDelimited(let body) = try value(at: index, origin: origin, in: layout) else { continue }
      // A place to start from is needed, but no more than one empty piece.
      if !body.isAtEnd || pieces.isEmpty { pieces.append(body) }
    }
    try write(pieces, as: type, depth: depth)
  }

  private mutating func writeElements(
    of field: FieldDescriptor, _ range: Range<Int>, origin: WireReader, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    var count = 0
    for index in range {
      let value = try value(at: index, origin: origin, in: layout)
      if case .lengthDelimited(var run) = value, field.kind.isPackable {
        while !run.isAtEnd {
          let element = try nextElement(&run, field.kind, in: layout)
          try writeElement(element, of: field, at: &count, in: layout, depth: depth)
        }
      } else {
        try writeElement(value, of: field, at: &count, in: layout, depth: depth)
      }
    }
    if count > 0 {
      writer.endArray()
    } else if options.alwaysPrintsFieldsWithoutPresence {
      writeName(of: field)
      writer.beginArray()
      writer.endArray()
    }
  }

  private mutating func writeElement(
    _ value: WireValue, of field: FieldDescriptor, at count: inout Int, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    if count == 0 {
      writeName(of: field)
      writer.beginArray()
    }
    do throws(JSONMappingError) {
      if case .message(let index) = field.kind, case .lengthDelimited(let body) = value {
        try write(CollectionOfOne(body), as: pool.messageLayouts[index], depth: depth + 1)
      } else if !writeScalar(field.kind, value) {
        throw JSONMappingError(.invalidUTF8, in: layout.fullName)
      }
      try checkSize(in: layout)
    } catch {
      throw error.under("[\(count)]")
    }
    count += 1
  }

  private mutating func writeName(of field: FieldDescriptor) {
    writer.encodedName(options.preservesProtoNames ? field.protoKey : field.jsonKey)
  }

  private func fieldName(_ field: FieldDescriptor) -> String {
    options.preservesProtoNames ? field.name : field.jsonName
  }

  /// Writes one value that is no message. Returns false for a string that is not UTF-8.
  private mutating func writeScalar(_ kind: FieldKind, _ value: WireValue) -> Bool {
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
      if let name = pool.enums[index].name(of: number) { writer.string(name) } else { writer.integer(number) }
    case (.string, .lengthDelimited(let body)): return writer.string(utf8: body.rest)
    case (.bytes, .lengthDelimited(let body)): writer.base64(body.rest)
    default: return false
    }
    return true
  }
}

// MARK: Wire

extension JSONMessageEncoder {
  private func nextField(
    _ reader: inout WireReader, in layout: MessageLayout
  ) throws(JSONMappingError) -> WireField? {
    do {
      return try reader.nextField()
    } catch {
      throw JSONMappingError(.wire(error), in: layout.fullName)
    }
  }

  private func nextElement(
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
  private func value(
    at index: Int, origin: WireReader, in layout: MessageLayout
  ) throws(JSONMappingError) -> WireValue {
    var reader = origin.moved(to: occurrences[index].offset)
    return try nextField(&reader, in: layout)?.value ?? .group
  }
}

/// Where a field of a message lies on the wire. Compares by place of the field, then by offset.
private struct Occurrence: Comparable {
  private let bits: UInt64

  /// - Parameters:
  ///   - place: Of the field among the message's.
  ///   - offset: Of the field's tag, at most 2^32 - 1.
  init(place: Int, offset: Int) {
    bits = UInt64(place) << 32 | UInt64(UInt32(truncatingIfNeeded: offset))
  }

  var place: Int { Int(bits >> 32) }
  var offset: Int { Int(bits & 0xffff_ffff) }

  static func < (left: Occurrence, right: Occurrence) -> Bool { left.bits < right.bits }
}

/// The inverse of `ZigZag.encode`.
private func zigZagDecoded(_ bits: UInt64) -> Int64 {
  Int64(bitPattern: (bits >> 1) ^ (0 &- (bits & 1)))
}

extension FieldKind {
  /// What an absent field of this kind counts as.
  fileprivate var zero: WireValue {
    switch wireType {
    case 0: .varint(0)
    case 1: .fixed64(0)
    case 5: .fixed32(0)
    default: .lengthDelimited(WireReader(UnsafeRawBufferPointer(start: nil, count: 0)))
    }
  }
}

extension WireValue {
  /// Whether a field of that kind has its default. Of a varint, 32-bit kinds keep the lower half.
  fileprivate func isZero(as kind: FieldKind) -> Bool {
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
