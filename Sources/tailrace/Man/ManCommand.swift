import ArgumentParser
import Foundation
import TailraceWire

/// `tailrace man`: the manual, made of what the argument parser knows.
struct ManCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "man", abstract: "Print a page of the manual, or write all pages into a directory.",
    discussion: """
      Pages are in roff.

      Examples:
        tailrace man topic create | man -l -
        tailrace man --directory ~/.local/share/man/man1

      \(ExitStatus.help)
      """)

  @Argument(help: "The command that the page is about. (default: tailrace itself)")
  var command: [String] = []

  @Option(
    help: ArgumentHelp("Write a page for each command into this directory, and print their names.", valueName: "path"),
    completion: .directory)
  var directory: String?

  func validate() throws {
    guard directory == nil || command.isEmpty else {
      throw ValidationError("--directory writes the pages of all commands")
    }
  }

  func execute() async throws {
    guard let program = CommandModel.ofProgram() else {
      throw CommandFailure(RPCError(.internalError, "the argument parser does not describe the commands"))
    }
    if let directory { return try write(program.all.map(ManualPage.init), to: directory) }
    guard let found = program.all.first(where: { Array($0.path.dropFirst()) == command }) else {
      throw CommandFailure(
        "there is no command '\(command.joined(separator: " "))'; see 'tailrace help'", exitCode: ExitStatus.usage)
    }
    var output = StandardOutput()
    output.append(ManualPage(command: found).text.utf8)
    try output.flush()
  }

  private func write(_ pages: [ManualPage], to directory: String) throws(CommandFailure) {
    for page in pages {
      let path = directory + "/\(page.name).1"
      do {
        try Data(page.text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
      } catch {
        throw CommandFailure(
          "cannot write '\(path)': is '\(directory)' a directory that may be written to?",
          exitCode: ExitStatus.inputOutputFailed)
      }
      try StandardOutput.print(path)
    }
  }
}
