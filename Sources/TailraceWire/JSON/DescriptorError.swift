/// Why a FileDescriptorSet was refused.
package enum DescriptorError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Longer than `DescriptorPool.Limits.maxBytes`, in bytes.
  case tooLarge(maxBytes: Int)
  /// More messages, enums and services than `DescriptorPool.Limits.maxTypes`.
  case tooManyTypes(maxTypes: Int)
  /// More fields, values and methods than `DescriptorPool.Limits.maxMembers`.
  case tooManyMembers(maxMembers: Int)
  /// Messages are declared in each other deeper than `DescriptorPool.Limits.maxNesting`.
  case nestedTooDeeply(type: String)
  /// Not protobuf.
  case malformed(WireError)
  /// A name is missing, not an identifier, or longer than `DescriptorPool.Limits.maxNameBytes`.
  case invalidName(scope: String)
  /// A file whose syntax is neither proto2 nor proto3.
  case unsupportedSyntax(file: String, syntax: String)
  /// Two types of one full name.
  case duplicateType(String)
  /// Two fields of one message share a number, a name or a JSON name; two values of an enum share a name.
  case duplicateMember(String, type: String)
  /// A field's number, type, label or oneof is missing or out of range.
  case invalidField(String, type: String)
  /// A field or method names a type that the set does not hold, or that is of the wrong sort.
  case unknownType(String, usedBy: String)
  /// An enum without values.
  case emptyEnum(String)

  package var description: String {
    switch self {
    case .tooLarge(let maxBytes): "the descriptor set is longer than \(maxBytes) bytes"
    case .tooManyTypes(let maxTypes): "the descriptor set holds more than \(maxTypes) types"
    case .tooManyMembers(let maxMembers): "the descriptor set holds more than \(maxMembers) fields, values and methods"
    case .nestedTooDeeply(let type): "messages are nested too deeply in \(type)"
    case .malformed(let error): "the descriptor set is malformed: \(error)"
    case .invalidName(let scope): scope.isEmpty ? "a name is invalid" : "a name in \(scope) is invalid"
    case .unsupportedSyntax(let file, let syntax): "\(file): syntax '\(syntax)' is not supported"
    case .duplicateType(let name): "\(name) is declared twice"
    case .duplicateMember(let name, let type): "'\(name)' is declared twice in \(type)"
    case .invalidField(let name, let type): "field '\(name)' of \(type) is invalid"
    case .unknownType(let name, let user): "\(user) uses '\(name)', which the descriptor set does not hold"
    case .emptyEnum(let name): "enum \(name) has no values"
    }
  }
}
