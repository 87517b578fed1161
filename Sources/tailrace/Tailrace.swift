import ArgumentParser

/// The one executable: the broker and the tool to talk to it.
@main
struct Tailrace: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tailrace", abstract: "A streaming-log broker with a protobuf API, and the tool to talk to it.",
    discussion: ExitStatus.help, version: Version.current,
    subcommands: [
      ServeCommand.self, TopicCommand.self, ProduceCommand.self, ConsumeCommand.self, GroupCommand.self,
      ConfigCommand.self, ClusterCommand.self, CallCommand.self, RPCCommand.self, ContextCommand.self,
      DoctorCommand.self, LogCommand.self, CompletionsCommand.self, ManCommand.self, BenchCommand.self,
      BenchReference.self, FuzzCommand.self,
    ])

  static func main() async {
    Descriptor.occupyStandardStreams()
    let arguments = CommandLineArguments.withServerBehindCommand(Array(CommandLine.arguments.dropFirst()))
    if let mistake = CommandLineArguments.unknownCommand(arguments) {
      StandardError.write("tailrace: \(mistake.withoutControls)\n")
      exit(withError: ExitCode(ExitStatus.usage))
    }
    do {
      if arguments.first == CompletedTailrace.request { _ = try await CompletedTailrace.asyncParseAsRoot(arguments) }
      var command = try await asyncParseAsRoot(arguments)
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      // A command that threw an exit code has said why itself.
      guard exitCode(for: error) == .validationFailure, !(error is ExitCode) else { exit(withError: error) }
      var what = message(for: error)
      if what.hasPrefix("Missing "), let option = CommandLineArguments.unknownOption(arguments) {
        what = "Unknown option '\(option)'"
      }
      StandardError.write(
        "tailrace: \(CommandLineArguments.usageLine(what, fullMessage(for: error)).withoutControls)\n")
      exit(withError: ExitCode(ExitStatus.usage))
    }
  }
}
