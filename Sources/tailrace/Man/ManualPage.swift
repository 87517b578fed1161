/// A command's page of the manual, in roff with the macros of man(7).
struct ManualPage {
  let command: CommandModel

  /// "tailrace-topic-create".
  var name: String { command.path.joined(separator: "-") }

  var text: String {
    let sections = [
      heading, synopsis, description, positionals, options, commands,
      command.path.count == 1 ? environment : [], seeAlso,
    ]
    return sections.flatMap { $0 }.joined(separator: "\n") + "\n"
  }

  private var heading: [String] {
    [
      ".\\\" Made by 'tailrace man'.",
      ".TH \"\(Self.text(name.uppercased()))\" 1 \"\(Version.date)\" \"tailrace \(Self.text(Version.current))\" \"Tailrace Manual\"",
      ".nh", ".ad l", ".SH NAME", "\(Self.text(name)) \\- \(Self.text(Self.phrase(command.abstract)))",
    ]
  }

  private var synopsis: [String] {
    [".SH SYNOPSIS", ".B \(Self.text(command.path.joined(separator: " ")))"]
      + (command.subcommands.isEmpty ? command.arguments.map(Self.usage) : ["\\fIcommand\\fR ..."])
  }

  /// "[\fB--output\fR \fIformat\fR]".
  private static func usage(_ argument: CommandModel.Argument) -> String {
    let name = argument.names.last.map { "\\fB\(text($0))\\fR" }
    let value = argument.kind == .flag ? nil : "\\fI\(text(argument.valueName))\\fR"
    let whole = [name, value].compactMap { $0 }.joined(separator: " ") + (argument.isRepeating ? " ..." : "")
    return argument.isOptional ? "[\(whole)]" : whole
  }

  private var description: [String] {
    let paragraphs = Self.paragraphs(command.discussion)
    return [".SH DESCRIPTION", Self.text(command.abstract)] + paragraphs
  }

  private var positionals: [String] {
    let arguments = command.arguments.filter { $0.kind == .positional }
    return arguments.isEmpty ? [] : [".SH ARGUMENTS"] + arguments.flatMap(Self.entry)
  }

  private var options: [String] {
    let options = command.arguments.filter { $0.kind != .positional }
    return options.isEmpty ? [] : [".SH OPTIONS"] + options.flatMap(Self.entry)
  }

  private static func entry(_ argument: CommandModel.Argument) -> [String] {
    let value = argument.kind == .flag ? "" : "\\fI\(text(argument.valueName))\\fR"
    let names = argument.names.map { "\\fB\(text($0))\\fR" }.joined(separator: ", ")
    var about = text(argument.abstract)
    if !argument.values.isEmpty, !argument.values.allSatisfy({ argument.abstract.contains($0) }) {
      about += " (values: \(text(argument.values.joined(separator: ", "))))"
    }
    if let value = argument.defaultValue { about += " (default: \(text(value)))" }
    return [".TP", [names, value].filter { !$0.isEmpty }.joined(separator: " "), line(about)]
  }

  private var commands: [String] {
    guard !command.subcommands.isEmpty else { return [] }
    return [".SH COMMANDS"]
      + command.subcommands.flatMap { sub in
        [".TP", "\\fB\(Self.text(sub.path.joined(separator: " ")))\\fR", Self.line(Self.text(sub.abstract))]
      }
  }

  private var environment: [String] {
    let variables = [
      (EnvironmentVariable.server, "The broker's address, where neither --server nor --context is given."),
      (EnvironmentVariable.context, "The context to use, where no address is given."),
      (EnvironmentVariable.output, "text or json: how commands print, where --output is not given."),
      ("XDG_CONFIG_HOME", "Where tailrace/contexts.json is. (default: ~/.config)"),
    ]
    return [".SH ENVIRONMENT"]
      + variables.flatMap { [".TP", "\\fB\(Self.text($0.0))\\fR", Self.text($0.1)] }
      + [".SH FILES", ".TP", Self.text("$XDG_CONFIG_HOME/tailrace/contexts.json"), Self.text("The contexts.")]
  }

  private var seeAlso: [String] {
    let above = command.path.count > 1 ? [command.path.dropLast().joined(separator: "-")] : []
    let names = above + command.subcommands.map { $0.path.joined(separator: "-") }
    guard !names.isEmpty else { return [] }
    return [".SH SEE ALSO", names.map { "\\fB\(Self.text($0))\\fR(1)" }.joined(separator: ",\n")]
  }
}

// MARK: Text

extension ManualPage {
  /// Paragraphs, which empty lines part; lines that are indented stay as they are.
  private static func paragraphs(_ text: String) -> [String] {
    var result: [String] = []
    var isExample = false
    var isNew = true
    for raw in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let isIndented = raw.hasPrefix("  ")
      if isExample && !isIndented { result.append(".fi\n.RE") }
      if raw.allSatisfy(\.isWhitespace) {
        isNew = true
      } else {
        if isIndented && !isExample { result.append(".RS\n.nf") } else if isNew && !isIndented { result.append(".PP") }
        // What hangs further in stays there.
        result.append(line(Self.text(String(isIndented ? raw.dropFirst(2) : raw))))
        isNew = false
      }
      isExample = isIndented
    }
    return result + (isExample ? [".fi\n.RE"] : [])
  }

  /// "create a topic": as a man page's NAME has it.
  private static func phrase(_ abstract: String) -> String {
    let body = abstract.hasSuffix(".") ? String(abstract.dropLast()) : abstract
    return body.prefix(1).lowercased() + body.dropFirst()
  }

  /// Text that roff prints as it is. Still to be kept from beginning a line where that may be a request: see `line`.
  static func text(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\(rs"
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "\"": result += "\\(dq"
      case "`": result += "\\(ga"
      case "^": result += "\\(ha"
      case "~": result += "\\(ti"
      case "\n": result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A line that is no request, whatever it begins with.
  private static func line(_ text: String) -> String { text.hasPrefix(".") ? "\\&" + text : text }
}
