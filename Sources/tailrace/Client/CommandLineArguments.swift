import Foundation

/// What the argument parser does not do itself.
enum CommandLineArguments {
  /// `arguments` with a `--server` or `--context` that stands before the subcommand, where the parser does not know it,
  /// behind it.
  static func withServerLast(_ arguments: [String]) -> [String] {
    guard let first = arguments.first else { return arguments }
    let names = ["--server", "--context"]
    let count = names.contains(first) ? 2 : names.contains { first.hasPrefix($0 + "=") } ? 1 : 0
    guard count > 0, arguments.count > count else { return arguments }
    var rest = Array(arguments.dropFirst(count))
    // Behind the terminator everything is a value.
    rest.insert(contentsOf: arguments.prefix(count), at: rest.firstIndex(of: "--") ?? rest.endIndex)
    return rest
  }

  /// A usage error on one line: what is wrong, and where to read on. `full` is the parser's text of several lines.
  static func usageLine(_ message: String, _ full: String) -> String {
    let what = message.split(separator: "\n").joined(separator: " ")
    guard let start = full.range(of: "See '", options: .backwards)?.upperBound,
      let end = full[start...].firstIndex(of: "'")
    else { return what }
    return "\(what); see '\(full[start..<end])'"
  }
}
