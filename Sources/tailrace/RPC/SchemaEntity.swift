import TailraceWire

/// Something in the schemas that has a name.
enum SchemaEntity {
  case service(ServiceDescriptor)
  case method(RPCMethod)
  case message(MessageDescriptor)
  case enumeration(EnumDescriptor)

  /// "tailrace.v1.LogService", "tailrace.v1.LogService/Fetch".
  var fullName: String {
    switch self {
    case .service(let service): service.fullName
    case .method(let method): method.fullName
    case .message(let message): message.fullName
    case .enumeration(let type): type.fullName
    }
  }

  /// All of the schemas, in the order of declaration: services, methods, messages, enums.
  static var all: [SchemaEntity] {
    let pool = DescriptorPool.tailrace
    return pool.services.map(SchemaEntity.service) + RPCMethod.allCases.map(SchemaEntity.method)
      + pool.messages.map(SchemaEntity.message) + pool.enums.map(SchemaEntity.enumeration)
  }

  /// What goes by that name, with the package or without, whatever the case of its letters. Fails with what may be meant.
  static func find(_ name: String) throws(CommandFailure) -> SchemaEntity {
    if let method = MethodName.find(name) { return .method(method) }
    let all = Self.all
    let wanted = name.lowercased()
    let found = all.first { $0.names.contains(name) } ?? all.first { $0.names.contains { $0.lowercased() == wanted } }
    if let found { return found }
    let near = NameSuggestion.closest(to: name, among: all.map { $0.names[1] })
    throw CommandFailure(
      "there is no method, message, enum or service '\(name)'; "
        + (near.map { "did you mean \($0)?" } ?? "see 'tailrace rpc list'"), exitCode: ExitStatus.usage)
  }

  /// The names that it goes by: the full one, and short ones.
  private var names: [String] {
    switch self {
    case .method(let method): [fullName, MethodName.shortName(method), method.methodName]
    default: [fullName, SchemaText.shortName(fullName)]
    }
  }

  /// The types that it refers to itself, in order, each once.
  private var references: [SchemaEntity] {
    let pool = DescriptorPool.tailrace
    switch self {
    case .method(let method):
      return [method.requestName, method.responseName].compactMap { pool.message(named: $0) }.map(SchemaEntity.message)
    case .message(let message):
      return message.fields.compactMap { field in
        message.messageType(of: field).map(SchemaEntity.message)
          ?? message.enumType(of: field).map(SchemaEntity.enumeration)
      }
    case .service, .enumeration: return []
    }
  }

  /// It and all types that it refers to, directly or not: each once, before those that only it refers to.
  var closure: [SchemaEntity] {
    var seen: Set<String> = [fullName]
    var result = [self]
    var next = 0
    while next < result.count {
      for entity in result[next].references where seen.insert(entity.fullName).inserted { result.append(entity) }
      next += 1
    }
    return result
  }
}
