// Maps: repeated entries on the wire, each a message of a key and a value; an object in JSON.
extension JSONMessageEncoder {
  /// The type of a map's entries; nil for fields that are no maps.
  func mapEntry(of field: FieldDescriptor) -> MessageLayout? { pool.mapEntry(of: field) }

  /// Writes the entries of a map, sorted by key. Of those with one key the last counts.
  mutating func writeMap(
    _ range: Range<Int>, of entry: MessageLayout, origin: WireReader, in layout: MessageLayout, depth: Int
  ) throws(JSONMappingError) {
    var entries: [(key: MapKey, index: Int)] = []
    entries.reserveCapacity(range.count)
    for index in range {
      guard let body = try value(at: index, origin: origin, in: layout).body else { continue }
      entries.append((try key(of: body, in: entry), index))
    }
    entries.sort { ($0.key, $0.index) < ($1.key, $1.index) }
    writer.beginObject()
    for (place, (key, index)) in entries.enumerated() {
      if place + 1 < entries.count, entries[place + 1].key == key { continue }
      guard let body = try value(at: index, origin: origin, in: layout).body else { continue }
      let name = try key.name(in: layout)
      writer.name(name)
      do throws(JSONMappingError) {
        try writeValue(of: body, in: entry, depth: depth)
        try checkSize(in: layout)
      } catch {
        throw error.under("[\"\(printable(name))\"]")
      }
    }
    writer.endObject()
  }

  private func key(of body: WireReader, in entry: MessageLayout) throws(JSONMappingError) -> MapKey {
    guard let field = entry.mapKey else {
      throw JSONMappingError(.invalidForm("the map has no key"), in: entry.fullName)
    }
    var value = field.kind.zero
    var reader = body
    while let next = try nextField(&reader, in: entry) {
      if next.number == field.number, fits(next.value, field) { value = next.value }
    }
    return MapKey(field.kind, value)
  }

  private mutating func writeValue(of body: WireReader, in entry: MessageLayout, depth: Int) throws(JSONMappingError) {
    guard let field = entry.mapValue else {
      throw JSONMappingError(.invalidForm("the map has no values"), in: entry.fullName)
    }
    var values: [WireValue] = []
    var reader = body
    while let next = try nextField(&reader, in: entry) {
      guard next.number == field.number, fits(next.value, field) else { continue }
      if field.kind.messageIndex == nil { values = [] }
      values.append(next.value)
    }
    let value = values.last ?? field.kind.zero
    if let index = field.kind.messageIndex {
      let bodies =
        values.isEmpty ? [WireReader(UnsafeRawBufferPointer(start: nil, count: 0))] : values.compactMap(\.body)
      try write(bodies, as: pool.messageLayouts[index], depth: depth + 1)
    } else if !writeScalar(field.kind, value) {
      throw JSONMappingError(.invalidUTF8, in: entry.fullName)
    }
  }
}

extension DescriptorPool {
  /// The type of a map's entries; nil for fields that are no maps.
  func mapEntry(of field: FieldDescriptor) -> MessageLayout? {
    guard field.isRepeated, case .message(let index) = field.kind, messageLayouts[index].isMapEntry else { return nil }
    return messageLayouts[index]
  }
}

extension MessageLayout {
  /// Of a map's entries.
  var mapKey: FieldDescriptor? { singular(number: 1) }
  var mapValue: FieldDescriptor? { singular(number: 2) }

  private func singular(number: UInt32) -> FieldDescriptor? {
    guard let place = place(number: number), !fields[place].isRepeated else { return nil }
    return fields[place]
  }
}

/// The key of a map's entry, as its order has it: by number, or by bytes of UTF-8.
///
/// Valid as long as the message is that it was read from.
private struct MapKey: Comparable {
  private enum Sort {
    case signed, unsigned, bool, text
  }

  private let sort: Sort
  /// Of a signed number, with the highest bit the other way round.
  private let order: UInt64
  private let text: UnsafeRawBufferPointer

  /// A kind that no map may have counts as text.
  init(_ kind: FieldKind, _ value: WireValue) {
    func signed(_ number: Int64) -> UInt64 { UInt64(bitPattern: number) ^ 1 << 63 }
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    switch (kind, value) {
    case (.int32, .varint(let bits)):
      (sort, order, text) = (.signed, signed(Int64(Int32(truncatingIfNeeded: bits))), none)
    case (.int64, .varint(let bits)): (sort, order, text) = (.signed, signed(Int64(bitPattern: bits)), none)
    case (.sint32, .varint(let bits)):
      let number = Int32(truncatingIfNeeded: zigZagDecoded(bits & 0xffff_ffff))
      (sort, order, text) = (.signed, signed(Int64(number)), none)
    case (.sint64, .varint(let bits)): (sort, order, text) = (.signed, signed(zigZagDecoded(bits)), none)
    case (.sfixed32, .fixed32(let bits)):
      (sort, order, text) = (.signed, signed(Int64(Int32(bitPattern: bits))), none)
    case (.sfixed64, .fixed64(let bits)): (sort, order, text) = (.signed, signed(Int64(bitPattern: bits)), none)
    case (.uint32, .varint(let bits)): (sort, order, text) = (.unsigned, bits & 0xffff_ffff, none)
    case (.uint64, .varint(let bits)), (.fixed64, .fixed64(let bits)): (sort, order, text) = (.unsigned, bits, none)
    case (.fixed32, .fixed32(let bits)): (sort, order, text) = (.unsigned, UInt64(bits), none)
    case (.bool, .varint(let bits)): (sort, order, text) = (.bool, bits == 0 ? 0 : 1, none)
    default: (sort, order, text) = (.text, 0, value.body?.rest ?? none)
    }
  }

  /// The member's name. Fails where it is not UTF-8.
  func name(in layout: MessageLayout) throws(JSONMappingError) -> String {
    switch sort {
    case .signed: return String(Int64(bitPattern: order ^ 1 << 63))
    case .unsigned: return String(order)
    case .bool: return order == 0 ? "false" : "true"
    case .text:
      guard let name = String(validating: text, as: UTF8.self) else {
        throw JSONMappingError(.invalidUTF8, in: layout.fullName)
      }
      return name
    }
  }

  static func == (left: MapKey, right: MapKey) -> Bool {
    left.order == right.order && left.text.elementsEqual(right.text)
  }

  static func < (left: MapKey, right: MapKey) -> Bool {
    left.order != right.order ? left.order < right.order : left.text.lexicographicallyPrecedes(right.text)
  }
}
