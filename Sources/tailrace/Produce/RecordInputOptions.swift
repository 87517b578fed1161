import ArgumentParser
import NIOCore
import TailraceWire

/// What records are in the input of `produce`, and what all of them get.
struct RecordInputOptions: ParsableArguments {
  @Option(help: "text, nul, length, hex, whole or json.")
  var format: InputFormatName = .text

  @Flag(help: "With --format length: a key is before each value.")
  var keys = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The key of all records that have none of their own.", valueName: "text"))
  var key: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The key is what the first group of this regular expression captures in the line, or all that it matches.",
      valueName: "regex"))
  var keyRegex: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The key is what stands before the first of these, the value what follows.", valueName: "text"))
  var keySeparator: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Lines are JSON texts, and the key is what they hold there, such as user.id or items[0].sku.", valueName: "path"))
  var keyField: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A header of all records; may be given several times.", valueName: "name=value"))
  var header: [RecordHeaderArgument] = []

  @Flag(help: "A record whose value is empty has none: a tombstone, which removes its key from compacted topics.")
  var tombstones = false

  @OptionGroup var payload: PayloadOptions

  func validate() throws {
    if format == .hex, payload.type != nil {
      throw ValidationError("with --format hex, values are no JSON: leave --proto out")
    }
    guard [keyRegex, keySeparator, keyField].compactMap({ $0 }).count < 2 else {
      throw ValidationError("--key-regex, --key-separator and --key-field exclude each other")
    }
    if keys && format != .length { throw ValidationError("--keys goes with --format length") }
    if keySeparator?.isEmpty == true { throw ValidationError("--key-separator is empty") }
    if format == .json, let flag = firstOfKeys {
      throw ValidationError("with --format json, keys are in the JSON: leave \(flag) out")
    }
    if format == .hex, keyRegex != nil || keyField != nil {
      throw ValidationError("with --format hex, keys come by --key-separator or --key")
    }
    if keys, let flag = firstOfKeys { throw ValidationError("--keys and \(flag) exclude each other") }
  }

  private var firstOfKeys: String? {
    keyRegex != nil ? "--key-regex" : keySeparator != nil ? "--key-separator" : keyField != nil ? "--key-field" : nil
  }

  /// Throws ValidationError where a key's pattern or path is none. Schemas are read by `encoder`.
  func inputFormat() throws -> InputFormat {
    InputFormat(
      framing: framing, content: try content(), key: key.map { ByteBuffer(string: $0) }, headers: header.map(\.header),
      makesTombstones: tombstones)
  }

  /// What makes messages of values, with its schemas read; nil where values are taken as they are. Throws CommandFailure.
  func encoder() throws(CommandFailure) -> PayloadEncoder? { try payload.messageType().map(PayloadEncoder.init) }

  private var framing: InputFormat.Framing {
    switch format {
    case .text, .hex, .json: .lines
    case .nul: .nul
    case .length: .lengths(isKeyed: keys)
    case .whole: .whole
    }
  }

  private func content() throws -> InputFormat.Content {
    switch format {
    case .json: .json
    case .hex: .hex(separator: keySeparator.map { Array($0.utf8) })
    case .text, .nul, .length, .whole: .bytes(try keyExtraction())
    }
  }

  private func keyExtraction() throws -> KeyExtraction {
    if let keySeparator { return .separator(Array(keySeparator.utf8)) }
    if let keyField {
      guard let path = JSONPath(keyField) else {
        throw ValidationError("--key-field '\(keyField)' is no path, such as user.id or items[0].sku")
      }
      return .field(path)
    }
    guard let keyRegex else { return .none }
    return .regex(try BytePattern(keyRegex, option: "--key-regex"))
  }
}

/// --format of `produce`.
enum InputFormatName: String, ExpressibleByArgument, CaseIterable {
  case text
  case nul
  case length
  case hex
  case whole
  case json
}

/// A header, given as NAME=VALUE.
struct RecordHeaderArgument: ExpressibleByArgument, Hashable, Sendable {
  let header: Header

  /// Nil where there is no `=`, or no name before it.
  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
    header = Header(
      key: String(argument[..<equals]), value: ByteBuffer(substring: argument[argument.index(after: equals)...]))
  }
}

extension BytePattern {
  /// Of an option's value; throws ValidationError.
  init(_ pattern: String, option: String) throws {
    do {
      self = try BytePattern(pattern)
    } catch {
      throw ValidationError("\(option) '\(pattern)' is no regular expression: \(error)")
    }
  }
}
