/// The immutable facts of one message type, shared by all its `MessageDescriptor`s.
final class MessageLayout: Sendable {
  let fullName: String
  /// In the order of declaration.
  let fields: [FieldDescriptor]
  let isMapEntry: Bool
  /// Nil where the JSON form is that of the fields.
  let wellKnown: WellKnownType?
  let oneofCount: Int
  /// Places in `fields`.
  private let placeByNumber: [UInt32: Int]
  private let placeByName: [String: Int]

  init(
    fullName: String, fields: [FieldDescriptor], isMapEntry: Bool, oneofCount: Int, placeByNumber: [UInt32: Int],
    placeByName: [String: Int]
  ) {
    self.fullName = fullName
    self.fields = fields
    self.isMapEntry = isMapEntry
    wellKnown = WellKnownType(fullName)
    self.oneofCount = oneofCount
    self.placeByNumber = placeByNumber
    self.placeByName = placeByName
  }

  func place(number: UInt32) -> Int? {
    // Most messages number their fields from 1 in order.
    let guess = Int(number) - 1
    if guess >= 0 && guess < fields.count && fields[guess].number == number { return guess }
    return placeByNumber[number]
  }

  /// By JSON name or by the name in the .proto file.
  func place(name: String) -> Int? { placeByName[name] }
}

/// A message type. Cheap to copy; keeps its pool alive.
package struct MessageDescriptor: Sendable {
  package let pool: DescriptorPool
  let layout: MessageLayout

  /// With the package, without a leading dot: "tailrace.v1.FetchRequest".
  package var fullName: String { layout.fullName }

  /// In the order of declaration.
  package var fields: [FieldDescriptor] { layout.fields }

  /// Whether the type is what a `map` field is made of.
  package var isMapEntry: Bool { layout.isMapEntry }

  package func field(number: UInt32) -> FieldDescriptor? {
    layout.place(number: number).map { layout.fields[$0] }
  }

  /// The field of that JSON name, or of that name in the .proto file.
  package func field(name: String) -> FieldDescriptor? {
    layout.place(name: name).map { layout.fields[$0] }
  }

  /// The type of a message field of this message, or of a group; nil for all other kinds.
  package func messageType(of field: FieldDescriptor) -> MessageDescriptor? {
    guard let index = field.kind.messageIndex, pool.messageLayouts.indices.contains(index) else { return nil }
    return MessageDescriptor(pool: pool, layout: pool.messageLayouts[index])
  }

  /// The type of an enum field of this message; nil for all other kinds.
  package func enumType(of field: FieldDescriptor) -> EnumDescriptor? {
    guard case .enumeration(let index) = field.kind, pool.enums.indices.contains(index) else { return nil }
    return pool.enums[index]
  }
}

/// An enum type. Immutable.
package final class EnumDescriptor: Sendable {
  package let fullName: String
  /// In the order of declaration.
  package let values: [(name: String, number: Int32)]
  /// Whether its JSON form is null.
  let isNullValue: Bool
  private let nameByNumber: [Int32: String]
  private let numberByName: [String: Int32]

  init(
    fullName: String, values: [(name: String, number: Int32)], nameByNumber: [Int32: String],
    numberByName: [String: Int32]
  ) {
    self.fullName = fullName
    self.values = values
    isNullValue = fullName == WellKnownType.nullValueName
    self.nameByNumber = nameByNumber
    self.numberByName = numberByName
  }

  /// The name declared first for that number.
  package func name(of number: Int32) -> String? { nameByNumber[number] }

  package func number(of name: String) -> Int32? { numberByName[name] }
}

/// A service. Keeps its pool alive.
package struct ServiceDescriptor: Sendable {
  /// With the package: "tailrace.v1.LogService".
  package let fullName: String
  /// In the order of declaration.
  package let methods: [MethodDescriptor]
}

/// A method of a service. Keeps its pool alive.
package struct MethodDescriptor: Sendable {
  /// "Fetch".
  package let name: String
  /// "tailrace.v1.LogService.Fetch".
  package let fullName: String
  /// The name on the wire: "/tailrace.v1.LogService/Fetch".
  package let path: String
  package let input: MessageDescriptor
  package let output: MessageDescriptor
  package let clientStreaming: Bool
  package let serverStreaming: Bool
}
