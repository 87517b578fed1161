import TailraceWire

/// Objects member by member, for what commands print.
extension JSONWriter {
  /// A JSON text that is one object.
  static func object(_ write: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter()
    json.object(write)
    return json.text
  }

  /// Writes an object as a value.
  mutating func object(_ write: (inout JSONWriter) -> Void) {
    beginObject()
    write(&self)
    endObject()
  }

  /// Writes an array as a value.
  mutating func array<Element>(_ elements: [Element], _ write: (inout JSONWriter, Element) -> Void) {
    beginArray()
    for element in elements { write(&self, element) }
    endArray()
  }

  /// Writes a member; null where there is no value.
  mutating func member(_ name: String, _ value: String?) {
    self.name(name)
    if let value { string(value) } else { null() }
  }

  /// Writes a member; null where there is no value.
  mutating func member(_ name: String, _ value: (some FixedWidthInteger)?) {
    self.name(name)
    if let value { integer(value) } else { null() }
  }

  mutating func member(_ name: String, _ value: Bool) {
    self.name(name)
    bool(value)
  }

  /// Writes a member that is an array.
  mutating func member<Element>(_ name: String, _ elements: [Element], _ write: (inout JSONWriter, Element) -> Void) {
    self.name(name)
    array(elements, write)
  }
}
