import ArgumentParser
import Foundation
import TailraceWire

/// `tailrace context list`.
struct ContextList: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List contexts by name; the one in use has a star.",
    discussion: """
      With --output json there is an object per line: name, server, current.

      \(ExitStatus.help)
      """)

  @OptionGroup var output: OutputOptions

  func execute() async throws {
    try StandardOutput.print(lines: Self.lines(try ContextStore.ofUser().load(), output.format))
  }

  /// What is printed.
  static func lines(_ contexts: Contexts, _ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["", "CONTEXT", "SERVER"])
      for context in contexts.all {
        table.add([context.name == contexts.current ? "*" : "", context.name, "\(context.server)"])
      }
      return table.lines
    case .json:
      return contexts.all.map { context in
        JSONWriter.object { json in
          json.member("name", context.name)
          json.member("server", "\(context.server)")
          json.member("current", context.name == contexts.current)
        }
      }
    }
  }
}

/// `tailrace context show`.
struct ContextShow: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show which broker commands talk to, and why; or a context.",
    discussion: """
      With --output json there is an object: context (null where none counts), server, source (flag, environment, \
      context, default).

      \(ExitStatus.help)
      """)

  @Argument(help: "The context's name. (default: what counts at the moment)", completion: .contexts)
  var name: String?

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func validate() throws {
    guard name == nil || (client.server == nil && client.context == nil) else {
      throw ValidationError("give a context's name or --server or --context, not both")
    }
  }

  func execute() async throws {
    let choice = try choice()
    switch output.format {
    case .text:
      try StandardOutput.print(lines: [
        "server:  \(choice.address)", "context: \(choice.context ?? "-")", "source:  \(choice.source.words)",
      ])
    case .json:
      try StandardOutput.print(
        JSONWriter.object { json in
          json.member("context", choice.context)
          json.member("server", "\(choice.address)")
          json.member("source", choice.source.rawValue)
        })
    }
  }

  private func choice() throws -> ServerChoice {
    guard let name else { return try client.choice(environment: ProcessInfo.processInfo.environment) }
    guard let context = try ContextStore.ofUser().load().context(named: name) else {
      throw CommandFailure.unknownContext(name)
    }
    return ServerChoice(address: context.server, source: .flag, context: name)
  }
}
