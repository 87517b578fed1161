import ArgumentParser
import Foundation

/// How a command prints its result.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  /// For people: tables and lines.
  case text
  /// For programs: an object per line.
  case json
}

/// What every command takes that shows something.
struct OutputOptions: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("text or json, an object per line. (default: $TAILRACE_OUTPUT, else text)", valueName: "format"))
  var chosen: OutputFormat?

  func validate() throws {
    _ = try format(environment: ProcessInfo.processInfo.environment)
  }

  /// The option, else the environment's value, else text.
  var format: OutputFormat {
    (try? format(environment: ProcessInfo.processInfo.environment)) ?? .text
  }

  /// Throws ValidationError for a value of the environment that is none.
  func format(environment: [String: String]) throws -> OutputFormat {
    if let chosen { return chosen }
    guard let text = environment[EnvironmentVariable.output], !text.isEmpty else { return .text }
    guard let format = OutputFormat(rawValue: text) else {
      throw ValidationError("\(EnvironmentVariable.output) is '\(text)'; it may be text or json")
    }
    return format
  }
}
