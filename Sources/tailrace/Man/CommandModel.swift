import ArgumentParser
import TailraceWire

/// A command as the argument parser describes it: what `--experimental-dump-help` prints, as far as a manual needs it.
struct CommandModel {
  struct Argument {
    enum Kind: String { case positional, option, flag }

    let kind: Kind
    /// With their dashes, short ones first: "-o", "--output".
    let names: [String]
    let valueName: String
    let isOptional: Bool
    let isRepeating: Bool
    let abstract: String
    let defaultValue: String?
    let values: [String]
  }

  /// From the program's name on: ["tailrace", "topic", "create"].
  let path: [String]
  let abstract: String
  let discussion: String
  /// Those that help shows.
  let arguments: [Argument]
  let subcommands: [CommandModel]

  /// This command and all below it, each before its own.
  var all: [CommandModel] { [self] + subcommands.flatMap(\.all) }

  /// The program's. Nil where this release of the parser describes itself in another way.
  static func ofProgram() -> CommandModel? {
    guard let value = try? JSONParser.parse(Tailrace._dumpHelp()), let command = value["command"] else { return nil }
    return CommandModel(command, above: [])
  }

  private init?(_ value: JSONValue, above: [String]) {
    guard let name = value["commandName"]?.text else { return nil }
    path = above + [name]
    abstract = value["abstract"]?.text ?? ""
    discussion = value["discussion"]?.text ?? ""
    arguments = (value["arguments"]?.elements ?? []).filter(\.isShown).compactMap(Argument.init)
    // The parser's own `help` command has nothing to tell.
    subcommands = (value["subcommands"]?.elements ?? []).filter { $0.isShown && $0["commandName"]?.text != "help" }
      .compactMap { [path] in CommandModel($0, above: path) }
  }
}

extension CommandModel.Argument {
  fileprivate init?(_ value: JSONValue) {
    guard let kind = value["kind"]?.text.flatMap(Kind.init) else { return nil }
    self.kind = kind
    let all = (value["names"]?.elements ?? []).compactMap { name -> String? in
      guard let text = name["name"]?.text else { return nil }
      return (name["kind"]?.text == "long" ? "--" : "-") + text
    }
    names = all.filter { !$0.hasPrefix("--") } + all.filter { $0.hasPrefix("--") }
    valueName = value["valueName"]?.text ?? "value"
    isOptional = value["isOptional"] == .bool(true)
    isRepeating = value["isRepeating"] == .bool(true)
    abstract = value["abstract"]?.text ?? ""
    defaultValue = value["defaultValue"]?.text
    values = (value["allValues"]?.elements ?? []).compactMap(\.text)
  }
}

extension JSONValue {
  fileprivate var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  fileprivate var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }

  fileprivate var isShown: Bool { self["shouldDisplay"] != .bool(false) }
}
