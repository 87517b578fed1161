import ArgumentParser

/// How a record is printed.
enum RecordOutputFormat: Sendable {
  /// The value and a line feed.
  case text
  /// The value and a NUL.
  case nul
  /// The value, nothing else.
  case raw
  /// The value in hexadecimal digits and a line feed; `-` where it is absent.
  case hex
  /// The value behind its length, as `InputSplitter.Framing.lengths` reads it; `isKeyed`: the key before it likewise.
  case lengths(isKeyed: Bool)
  /// A JSON object and a line feed.
  case json
  case template(RecordTemplate)
}

/// --format of `consume`: a name, or a template, which has a `%` in it.
enum RecordOutputFormatArgument: ExpressibleByArgument, Sendable {
  case text, nul, raw, hex, length, json
  case template(String)

  static let allValueStrings = ["text", "nul", "raw", "hex", "length", "json"]

  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

  init?(argument: String) {
    switch argument {
    case "text": self = .text
    case "nul": self = .nul
    case "raw": self = .raw
    case "hex": self = .hex
    case "length": self = .length
    case "json": self = .json
    default:
      guard argument.contains("%") else { return nil }
      self = .template(argument)
    }
  }
}
