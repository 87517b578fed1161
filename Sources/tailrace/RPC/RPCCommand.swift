import ArgumentParser
import TailraceWire

/// `tailrace rpc`: the schemas that are built into the program.
struct RPCCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc", abstract: "List and describe the methods and messages of the API, and convert messages.",
    discussion: """
      None of these needs a broker. 'tailrace call' makes calls.

      \(ExitStatus.help)
      """,
    subcommands: [RPCList.self, RPCDescribe.self, RPCEncode.self, RPCDecode.self])
}

/// `tailrace rpc list`.
struct RPCList: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the methods of the API.",
    discussion: """
      'tailrace cluster describe' tells which of them a broker implements. With --output json there is an object per \
      line: method, request, response, server_streaming.

      \(ExitStatus.help)
      """)

  @Argument(help: "Only methods of this service, such as LogService.")
  var service: String?

  @OptionGroup var output: OutputOptions

  func execute() async throws {
    let methods = RPCMethod.allCases.filter { method in
      guard let service else { return true }
      return method.serviceName == service || method.serviceName.hasSuffix("." + service)
    }
    guard !methods.isEmpty else {
      let services = DescriptorPool.tailrace.services.map { SchemaText.shortName($0.fullName) }
      throw CommandFailure(
        "there is no service '\(service ?? "")'; there are \(services.joined(separator: ", "))",
        exitCode: ExitStatus.usage)
    }
    try StandardOutput.print(lines: Self.lines(methods, output.format))
  }

  /// What is printed.
  static func lines(_ methods: [RPCMethod], _ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["METHOD", "REQUEST", "RESPONSE"])
      for method in methods {
        let stream = method.isServerStreaming ? "stream " : ""
        table.add([
          MethodName.shortName(method), SchemaText.shortName(method.requestName),
          stream + SchemaText.shortName(method.responseName),
        ])
      }
      return table.lines
    case .json:
      return methods.map { method in
        JSONWriter.object { json in
          json.member("method", method.fullName)
          json.member("request", method.requestName)
          json.member("response", method.responseName)
          json.member("server_streaming", method.isServerStreaming)
        }
      }
    }
  }
}
