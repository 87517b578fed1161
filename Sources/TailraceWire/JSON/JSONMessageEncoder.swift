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
  private(set) var occurrences: [Occurrence] = []
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
  mutating func write(
    _ pieces: some Collection<WireReader>, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    guard depth <= options.maxDepth else {
      throw JSONMappingError(.tooDeep(maxDepth: options.maxDepth), in: layout.fullName)
    }
    try checkSize(in: layout)
    if let type = layout.wellKnown { return try write(pieces, of: type, as: layout, depth: depth) }
    writer.beginObject()
    try writeMembers(pieces, as: layout, depth: depth)
    writer.endObject()
  }

  /// Writes the members of a message's object.
  mutating func writeMembers(
    _ pieces: some Collection<WireReader>, as layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    let first = mark()
    defer { forget(from: first) }
    for piece in pieces { try note(piece, as: layout) }
    if layout.oneofCount > 0 { dropOverwrittenOneofs(from: first, as: layout) }
    sortOccurrences(from: first)
    guard let origin = pieces.first else { return }
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
  }

  /// Where the notes of the next message begin.
  func mark() -> Int { occurrences.count }

  /// Drops the notes from `mark` on.
  mutating func forget(from mark: Int) { occurrences.removeSubrange(mark...) }

  /// Notes the known fields of a piece. A field whose wire type is not its kind's counts as unknown.
  mutating func note(_ piece: WireReader, as layout: MessageLayout) throws(JSONMappingError) {
    var reader = piece
    while let field = try nextField(&reader, in: layout) {
      guard let place = layout.place(number: field.number), fits(field.value, layout.fields[place]) else { continue }
      guard occurrences.count < Self.maxOccurrences else { throw JSONMappingError(.tooLarge, in: layout.fullName) }
      occurrences.append(Occurrence(place: place, offset: field.offset))
    }
  }

  func fits(_ value: WireValue, _ field: FieldDescriptor) -> Bool {
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
  mutating func writeDefaults(of places: Range<Int>, as layout: MessageLayout) {
    guard options.alwaysPrintsFieldsWithoutPresence else { return }
    for field in layout.fields[places] where !field.hasPresence {
      writeName(of: field)
      if mapEntry(of: field) != nil {
        writer.beginObject()
        writer.endObject()
      } else if field.isRepeated {
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
      if let entry = mapEntry(of: field) {
        writeName(of: field)
        try writeMap(range, of: entry, origin: origin, in: layout, depth: depth)
      } else if field.isRepeated {
        try writeElements(of: field, range, origin: origin, in: layout, depth: depth)
      } else if let index = field.kind.messageIndex {
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
  func checkSize(in layout: MessageLayout) throws(JSONMappingError) {
    guard writer.bytes.count - startBytes <= options.maxOutputBytes else {
      throw JSONMappingError(.tooLarge, in: layout.fullName)
    }
  }

  /// Writes a singular message, of which the occurrences count as one.
  mutating func writeMerged(
    _ range: Range<Int>, as type: MessageLayout, origin: WireReader, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    if range.count == 1 {
      guard let body = try value(at: range.lowerBound, origin: origin, in: layout).body else { return }
      return try write(CollectionOfOne(body), as: type, depth: depth)
    }
    var pieces: [WireReader] = []
    for index in range {
      guard let body = try value(at: index, origin: origin, in: layout).body else { continue }
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
      if let index = field.kind.messageIndex, let body = value.body {
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

  mutating func writeName(of field: FieldDescriptor) {
    writer.encodedName(options.preservesProtoNames ? field.protoKey : field.jsonKey)
  }

  func fieldName(_ field: FieldDescriptor) -> String {
    options.preservesProtoNames ? field.name : field.jsonName
  }
}

/// Where a field of a message lies on the wire. Compares by place of the field, then by offset.
struct Occurrence: Comparable {
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
