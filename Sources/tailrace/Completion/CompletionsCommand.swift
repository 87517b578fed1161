import ArgumentParser

/// `tailrace completions`: scripts for shells.
struct CompletionsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Print a script that makes a shell complete commands.",
    discussion: """
      It knows commands and options, and asks the broker for the names of topics and groups.

        bash: tailrace completions bash \\
                > ~/.local/share/bash-completion/completions/tailrace
        zsh:  tailrace completions zsh > "${fpath[1]}/_tailrace"
        fish: tailrace completions fish > ~/.config/fish/completions/tailrace.fish

      \(ExitStatus.help)
      """)

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func execute() async throws {
    try StandardOutput.print(CompletedTailrace.completionScript(for: shell.shell))
  }

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish

    var shell: CompletionShell {
      switch self {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    }
  }
}

/// The program as shells complete it: with the options that `CommandLineArguments` lets stand before a subcommand.
struct CompletedTailrace: AsyncParsableCommand {
  static let configuration = Tailrace.configuration
  /// What a shell's script asks first.
  static let request = "---completion"

  @OptionGroup var client: ClientOptions
}
