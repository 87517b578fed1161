/// A JSON text as a tree that loses nothing: numbers stay text, members stay in order, names may repeat.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// The digits as they were written: "1e3", "-0.10".
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([JSONMember])

  /// What the value is, for error messages: "a number".
  package var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The last member of that name of an object; nil for all other values.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == name }?.value
  }
}

/// One member of a JSON object.
package struct JSONMember: Hashable, Sendable {
  package let name: String
  package let value: JSONValue

  package init(name: String, value: JSONValue) {
    self.name = name
    self.value = value
  }
}
