import ArgumentParser
import TailraceWire

/// `tailrace rpc describe`.
struct RPCDescribe: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Show a method, message, enum or service as its schema has it.",
    discussion: """
      The types that it refers to follow, unless --shallow is given. The package may be left out of names.

      With --output json there is an object per line. All have kind, name and documentation (null where there is none); a method has request, response and \
      server_streaming, a service methods, a message fields (name, json_name, number, type, repeated, optional, \
      oneof, documentation), an enum values (name, number, documentation).

      Examples:
        tailrace rpc describe LogService/Fetch
        tailrace rpc describe DescribeTopicResponse --output json

      \(ExitStatus.help)
      """)

  @Argument(help: "Such as LogService/Fetch, FetchRequest, ErrorCode, LogService.", completion: .schemaNames)
  var name: String

  @Flag(help: "Without the types that it refers to.")
  var shallow = false

  @OptionGroup var output: OutputOptions

  func execute() async throws {
    let entity = try SchemaEntity.find(name)
    let entities = shallow ? [entity] : entity.closure
    switch output.format {
    case .text:
      let blocks = entities.map { SchemaText.lines($0).joined(separator: "\n") }
      try StandardOutput.print("// \(entity.fullName)\n\n" + blocks.joined(separator: "\n\n"))
    case .json: try StandardOutput.print(lines: entities.map(Self.json))
    }
  }

  private static func json(_ entity: SchemaEntity) -> String {
    JSONWriter.object { json in
      switch entity {
      case .service(let service):
        json.member("kind", "service")
        json.member("name", service.fullName)
        json.member("documentation", SchemaText.documentation(on: service.fullName))
        json.member("methods", RPCMethod.allCases.filter { $0.serviceName == service.fullName }) {
          $0.string($1.fullName)
        }
      case .method(let method):
        json.member("kind", "method")
        json.member("name", method.fullName)
        json.member("documentation", SchemaText.documentation(on: SchemaText.commentName(method)))
        json.member("request", method.requestName)
        json.member("response", method.responseName)
        json.member("server_streaming", method.isServerStreaming)
      case .message(let message):
        json.member("kind", "message")
        json.member("name", message.fullName)
        json.member("documentation", SchemaText.documentation(on: message.fullName))
        json.member("fields", message.fields) { $0.object(of: $1, in: message) }
      case .enumeration(let type):
        json.member("kind", "enum")
        json.member("name", type.fullName)
        json.member("documentation", SchemaText.documentation(on: type.fullName))
        json.member("values", type.values) { json, value in
          json.object { json in
            json.member("name", value.name)
            json.member("number", value.number)
            json.member("documentation", SchemaText.documentation(on: "\(type.fullName).\(value.name)"))
          }
        }
      }
    }
  }
}

extension JSONWriter {
  fileprivate mutating func object(of field: FieldDescriptor, in message: MessageDescriptor) {
    object { json in
      json.member("name", field.name)
      json.member("json_name", field.jsonName)
      json.member("number", field.number)
      json.member(
        "type", message.messageType(of: field)?.fullName ?? message.enumType(of: field)?.fullName ?? field.kind.name)
      json.member("repeated", field.isRepeated)
      json.member("optional", field.hasPresence)
      json.member("oneof", field.oneof)
      json.member("documentation", SchemaText.documentation(on: "\(message.fullName).\(field.name)"))
    }
  }
}

extension CompletionKind {
  /// Names of methods: "LogService/Fetch".
  static var methods: CompletionKind {
    .custom { (_: [String], _: Int, prefix: String) -> [String] in
      RPCMethod.allCases.map(MethodName.shortName).filter { $0.hasPrefix(prefix) }
    }
  }

  /// Names of methods, services, messages and enums.
  static var schemaNames: CompletionKind {
    .custom { (_: [String], _: Int, prefix: String) -> [String] in
      let pool = DescriptorPool.tailrace
      let types = pool.services.map(\.fullName) + pool.messages.map(\.fullName) + pool.enums.map(\.fullName)
      return (RPCMethod.allCases.map(MethodName.shortName) + types.map(SchemaText.shortName)).filter {
        $0.hasPrefix(prefix)
      }
    }
  }
}
