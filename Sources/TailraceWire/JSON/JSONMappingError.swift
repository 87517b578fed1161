/// Why a message has no JSON form, or a JSON text does not stand for a message of the type.
package struct JSONMappingError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// Not JSON.
    case syntax(JSONParseError)
    /// Not protobuf.
    case wire(WireError)
    /// A member that names no field, and a field that may be meant.
    case unknownField(String, suggestion: String?)
    /// A field that occurs twice, under whatever names.
    case duplicateField
    /// A second member of a oneof.
    case oneofConflict(oneof: String, other: String)
    /// A value of another sort than the field's, as "a string".
    case wrongType(expected: String, found: String)
    /// A fraction where the field holds whole numbers.
    case notIntegral
    /// A number that the field cannot hold; the kind as "int32".
    case outOfRange(kind: String)
    /// A name that is not in the enum, and one that may be meant.
    case unknownEnumValue(String, enumName: String, suggestion: String?)
    case invalidBase64
    /// A `string` field that is not UTF-8.
    case invalidUTF8
    /// Messages nested deeper than the limit.
    case tooDeep(maxDepth: Int)
    /// The message has more fields, or its JSON form more bytes, than the limit.
    case tooLarge
    /// A value of a type of google.protobuf that has no JSON form, or a JSON value that is none of its: why.
    case invalidForm(String)
  }

  package let kind: Kind
  /// Where: "targets[0].topic"; empty for the message itself.
  package let path: String
  /// Full name of the message that holds the fault.
  package let messageName: String

  init(_ kind: Kind, path: String = "", in messageName: String) {
    self.kind = kind
    self.path = path
    self.messageName = messageName
  }

  /// The same fault, seen from the message around it.
  func under(_ outer: String) -> JSONMappingError {
    let joined = path.isEmpty || path.hasPrefix("[") ? outer + path : "\(outer).\(path)"
    return JSONMappingError(kind, path: joined, in: messageName)
  }

  package var description: String {
    path.isEmpty ? "\(messageName): \(reason)" : "\(path): \(reason)"
  }

  private var reason: String {
    switch kind {
    case .syntax(let error): "not a JSON text: \(error)"
    case .wire(let error): "not a protobuf message: \(error)"
    case .unknownField(_, let suggestion): "no such field in \(messageName)\(question(suggestion))"
    case .duplicateField: "the field is set twice"
    case .oneofConflict(let oneof, let other): "'\(other)' of the same oneof, '\(oneof)', is set as well"
    case .wrongType(let expected, let found): "expected \(expected), found \(found)"
    case .notIntegral: "the number is not a whole one"
    case .outOfRange(let kind): "the number does not fit into \(kind)"
    case .unknownEnumValue(let name, let enumName, let suggestion):
      "no value '\(printable(name))' in \(enumName)\(question(suggestion))"
    case .invalidBase64: "the string is not base64"
    case .invalidUTF8: "the string is not valid UTF-8"
    case .tooDeep(let maxDepth): "messages are nested more than \(maxDepth) levels deep"
    case .tooLarge: "the message is too large to be converted"
    case .invalidForm(let why): why
    }
  }
}

private func question(_ suggestion: String?) -> String {
  suggestion.map { "; did you mean '\($0)'?" } ?? ""
}

/// `name` as it may stand in a message for people: short, without control characters.
func printable(_ name: String) -> String {
  let scalars = name.unicodeScalars.prefix(64).map { scalar -> Character in
    scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
      ? "?" : Character(scalar)
  }
  return String(scalars) + (name.unicodeScalars.dropFirst(64).isEmpty ? "" : "...")
}
