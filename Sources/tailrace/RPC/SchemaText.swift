import TailraceWire

/// Schemas as a .proto file has them.
enum SchemaText {
  /// "FetchRequest" of "tailrace.v1.FetchRequest".
  static func shortName(_ fullName: String) -> String {
    fullName.split(separator: ".").last.map(String.init) ?? fullName
  }

  /// With the comments of the schemas.
  static func lines(_ entity: SchemaEntity) -> [String] {
    switch entity {
    case .service(let service):
      let methods = RPCMethod.allCases.filter { $0.serviceName == service.fullName }
      return comment(on: service.fullName) + ["service \(shortName(service.fullName)) {"]
        + methods.flatMap { comment(on: commentName($0), "  ") + ["  " + line($0)] } + ["}"]
    case .method(let method): return comment(on: commentName(method)) + [line(method)]
    case .message(let message): return comment(on: message.fullName) + lines(message)
    case .enumeration(let type):
      return comment(on: type.fullName) + ["enum \(shortName(type.fullName)) {"]
        + type.values.flatMap { value in
          comment(on: "\(type.fullName).\(value.name)", "  ") + ["  \(value.name) = \(value.number);"]
        } + ["}"]
    }
  }

  private static func comment(on fullName: String, _ indent: String = "") -> [String] {
    SchemaComments.tailrace.lines(on: fullName).map { $0.isEmpty ? "\(indent)//" : "\(indent)// \($0)" }
  }

  /// The comment's text on one line; nil where there is none.
  static func documentation(on fullName: String) -> String? {
    let lines = SchemaComments.tailrace.lines(on: fullName)
    return lines.isEmpty ? nil : lines.joined(separator: " ")
  }

  /// By which the comment on a method is found.
  static func commentName(_ method: RPCMethod) -> String { "\(method.serviceName).\(method.methodName)" }

  /// "rpc Fetch(FetchRequest) returns (FetchResponse);"
  private static func line(_ method: RPCMethod) -> String {
    let stream = method.isServerStreaming ? "stream " : ""
    return "rpc \(method.methodName)(\(shortName(method.requestName))) returns"
      + " (\(stream)\(shortName(method.responseName)));"
  }

  private static func lines(_ message: MessageDescriptor) -> [String] {
    guard !message.fields.isEmpty else { return ["message \(shortName(message.fullName)) {}"] }
    var lines = ["message \(shortName(message.fullName)) {"]
    var oneof: String?
    for field in message.fields {
      if field.oneof != oneof {
        if oneof != nil { lines.append("  }") }
        if let name = field.oneof { lines.append("  oneof \(name) {") }
        oneof = field.oneof
      }
      let indent = oneof == nil ? "  " : "    "
      lines += comment(on: "\(message.fullName).\(field.name)", indent) + [indent + line(field, in: message)]
    }
    return lines + (oneof == nil ? ["}"] : ["  }", "}"])
  }

  /// "repeated FetchTarget targets = 1;"
  private static func line(_ field: FieldDescriptor, in message: MessageDescriptor) -> String {
    let isOptional = field.hasPresence && field.oneof == nil && message.messageType(of: field) == nil
    let label = field.isRepeated ? "repeated " : isOptional ? "optional " : ""
    return "\(label)\(typeName(field, in: message)) \(field.name) = \(field.number);"
  }

  /// "string", "FetchTarget".
  static func typeName(_ field: FieldDescriptor, in message: MessageDescriptor) -> String {
    (message.messageType(of: field)?.fullName ?? message.enumType(of: field)?.fullName).map(shortName)
      ?? field.kind.name
  }
}
