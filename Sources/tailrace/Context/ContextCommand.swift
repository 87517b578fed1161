import ArgumentParser
import Foundation
import TailraceClient
import TailraceWire

/// `tailrace context`: brokers by name.
struct ContextCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "context", abstract: "Give brokers names, and choose the one that commands talk to.",
    discussion: """
      Commands talk to the broker of --server or --context, else of $TAILRACE_SERVER, else of the context \
      $TAILRACE_CONTEXT, else of the context in use, else to 127.0.0.1:7171.

      Contexts are kept in $XDG_CONFIG_HOME/tailrace/contexts.json, where that variable is not set in ~/.config.

      Examples:
        tailrace context add staging --server staging.example:7171 --use
        tailrace topic list
        tailrace topic list --context production

      \(ExitStatus.help)
      """,
    subcommands: [ContextAdd.self, ContextUse.self, ContextList.self, ContextShow.self, ContextRemove.self])
}

extension ContextStore {
  /// The user's. Fails where the environment does not tell where that is.
  static func ofUser() throws(CommandFailure) -> ContextStore {
    guard let store = ContextStore(environment: ProcessInfo.processInfo.environment) else {
      throw CommandFailure(
        "there is no place for contexts: set HOME, or XDG_CONFIG_HOME to an absolute path", exitCode: ExitStatus.usage)
    }
    return store
  }
}

extension CommandFailure {
  /// A context that is not there.
  static func unknownContext(_ name: String) -> CommandFailure {
    CommandFailure(
      "there is no context '\(name)'; see 'tailrace context list', or add it with 'tailrace context add'",
      exitCode: ExitStatus.code(of: .notFound))
  }
}

/// `tailrace context add`.
struct ContextAdd: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Add a context.", discussion: ExitStatus.help)

  @Argument(help: "1 to 64 letters, digits, dots, underscores and dashes.")
  var name: String

  @Option(help: ArgumentHelp("The broker's address; an IPv6 address in brackets.", valueName: "host:port"))
  var server: ServerAddress

  @Flag(help: "Use it from now on.")
  var use = false

  func validate() throws {
    guard Context.isName(name) else {
      throw ValidationError(
        "'\(name)' is no name for a context: 1 to 64 letters, digits, dots, underscores and dashes, no dash first")
    }
  }

  func execute() async throws {
    try ContextStore.ofUser().update { (contexts) throws(CommandFailure) in
      guard contexts.context(named: name) == nil else {
        throw CommandFailure(
          "there is a context '\(name)' already; remove it first with 'tailrace context remove \(name)'",
          exitCode: ExitStatus.code(of: .alreadyExists))
      }
      guard contexts.add(Context(name: name, server: server)) else {
        throw CommandFailure(
          "there are \(Contexts.maxCount) contexts, which are the most; remove one first",
          exitCode: ExitStatus.code(of: .resourceExhausted))
      }
      if use { _ = contexts.use(name) }
    }
    try StandardOutput.print("added context '\(name)'" + (use ? "; it is in use now" : ""))
  }
}

/// `tailrace context use`.
struct ContextUse: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "use", abstract: "Use a context from now on.", discussion: ExitStatus.help)

  @Argument(help: "The context's name.", completion: .contexts)
  var name: String

  func execute() async throws {
    try ContextStore.ofUser().update { (contexts) throws(CommandFailure) in
      guard contexts.use(name) else { throw .unknownContext(name) }
    }
    try StandardOutput.print("context '\(name)' is in use now")
  }
}

/// `tailrace context remove`.
struct ContextRemove: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a context; nothing happens to the broker.", discussion: ExitStatus.help)

  @Argument(help: "The context's name.", completion: .contexts)
  var name: String

  func execute() async throws {
    var wasInUse = false
    try ContextStore.ofUser().update { (contexts) throws(CommandFailure) in
      wasInUse = contexts.current == name
      guard contexts.remove(name) else { throw .unknownContext(name) }
    }
    try StandardOutput.print("removed context '\(name)'" + (wasInUse ? "; none is in use now" : ""))
  }
}
