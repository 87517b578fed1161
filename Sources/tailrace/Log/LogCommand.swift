import ArgumentParser

/// `tailrace log`: looks at a broker's files without a broker.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Check a broker's files, or print them, without a broker. Changes nothing.",
    discussion: ExitStatus.help, subcommands: [VerifyCommand.self, DumpCommand.self])
}
