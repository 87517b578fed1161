import ArgumentParser
import Foundation

/// What the argument parser does not do itself.
enum CommandLineArguments {
  /// `arguments` with each `--server` and `--context` that stands before the subcommand, where the parser does not know it,
  /// right behind it, so that the same option after it counts. A command that talks to no broker goes without.
  static func withServerBehindCommand(_ arguments: [String]) -> [String] {
    let names = ["--server", "--context"]
    var rest = arguments[...]
    var options: [String] = []
    while let first = rest.first {
      let count = names.contains(first) ? 2 : names.contains { first.hasPrefix($0 + "=") } ? 1 : 0
      guard count > 0, rest.count >= count else { break }
      options += rest.prefix(count)
      rest = rest.dropFirst(count)
    }
    let place = commandPlace(in: Array(rest))
    return rest.prefix(place.count) + (place.command is any ClientCommand.Type ? options : [])
      + rest.dropFirst(place.count)
  }

  /// What is wrong where the first word that is no subcommand should be one, and which was meant; nil: nothing is.
  static func unknownCommand(_ arguments: [String]) -> String? {
    let place = commandPlace(in: arguments)
    let names = place.command.configuration.subcommands.map { $0.configuration.commandName ?? "" }
    guard !names.isEmpty, arguments.count > place.count else { return nil }
    let word = arguments[place.count]
    guard !word.hasPrefix("-"), word != "help" else { return nil }
    let above = arguments.prefix(place.count)
    let nearest = names.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    let path = (above + [word]).joined(separator: " ")
    let meant =
      nearest.flatMap { $0.1 <= 2 ? "; did you mean '\((above + [$0.0]).joined(separator: " "))'" : nil } ?? ""
    guard meant.isEmpty else { return "there is no command '\(path)'\(meant)?" }
    return "there is no command '\(path)'; see '\((["tailrace"] + above).joined(separator: " ")) --help'"
  }

  /// The first option that its command does not have; nil: none. Of arguments that are wrong anyhow: where something is
  /// missing the parser does not look for such.
  static func unknownOption(_ arguments: [String]) -> String? {
    let path = ["tailrace"] + arguments.prefix(commandPlace(in: arguments).count)
    guard let command = CommandModel.ofProgram()?.all.first(where: { $0.path == path }) else { return nil }
    let names = Set(command.arguments.flatMap(\.names))
    return arguments.prefix { $0 != "--" }.lazy.map { String($0.prefix { $0 != "=" }) }
      .first { $0.hasPrefix("--") && !names.contains($0) && !["--help", "--version"].contains($0) }
  }

  /// The command that the first words name, and how many those are.
  private static func commandPlace(in words: [String]) -> (command: any ParsableCommand.Type, count: Int) {
    var command: any ParsableCommand.Type = Tailrace.self
    for (count, word) in words.enumerated() {
      let next = command.configuration.subcommands.first { $0.configuration.commandName == word }
      guard let next else { return (command, count) }
      command = next
    }
    return (command, words.count)
  }

  /// How many letters have to be put in, taken out or changed to make one of the other (Levenshtein).
  private static func distance(_ word: String, _ other: String) -> Int {
    let other = Array(other.utf8)
    var row = Array(0...other.count)
    for (line, letter) in word.utf8.prefix(64).enumerated() {
      var next = [line + 1]
      for (column, otherLetter) in other.enumerated() {
        next.append(min(row[column] + (letter == otherLetter ? 0 : 1), row[column + 1] + 1, next[column] + 1))
      }
      row = next
    }
    return row[other.count]
  }

  /// What values may be, by the name that options give them.
  private static let valueForms = [
    (
      name: "position",
      form: "beginning, end, an offset, 'last N' (where --from begins), a time such as 2026-01-31T23:59:59Z, @ and"
        + " milliseconds since 1970, or a time before now such as -5m (ms, s, m, h, d, w)"
    ),
    (name: "host:port", form: "HOST:PORT, such as 127.0.0.1:7171 or [::1]:7171"),
    (name: "name=value", form: "NAME=VALUE"),
    (name: "key=value", form: "KEY=VALUE, the key in lower case"),
    (name: "name[=value]", form: "NAME or NAME=VALUE"),
    (name: "format", form: "text, nul, raw, hex, length, json, or a template with a percent sign"),
    (name: "topic[:0,1,4-7]", form: "a topic's name, or one with partitions, such as orders:0,4-7"),
    (name: "0,2,4-7", form: "partitions' numbers and ranges, such as 0,2,4-7"),
  ]

  /// A usage error on one line: what is wrong, and where to read on. `full` is the parser's text of several lines.
  static func usageLine(_ message: String, _ full: String) -> String {
    var what = message.split(separator: "\n").joined(separator: " ")
    if let choice = what.range(of: ". Please provide one of the following:") {
      let values = what[choice.upperBound...].split(separator: " - ").map { $0.trimmingCharacters(in: .whitespaces) }
      what = what[..<choice.lowerBound] + ": it is one of " + values.filter { !$0.isEmpty }.joined(separator: ", ")
    } else if what.hasPrefix("The value '"), let form = valueForms.first(where: { what.hasSuffix("<\($0.name)>'") }) {
      what += ": it is \(form.form)"
    }
    guard let start = full.range(of: "See '", options: .backwards)?.upperBound,
      let end = full[start...].firstIndex(of: "'")
    else { return what }
    return "\(what); see '\(full[start..<end])'"
  }
}
