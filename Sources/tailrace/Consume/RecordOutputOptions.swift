import ArgumentParser
import Foundation
import NIOCore

/// Which records `consume` prints, and how.
struct RecordOutputOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "text, nul, raw, hex, length, json, or a template such as '%t[%p]@%o %k=%v %h\\n'.", valueName: "format"))
  var format: RecordOutputFormatArgument = .text

  @Flag(help: "With --format length: print the key before each value.")
  var keys = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Print a record's key and this before its value.", valueName: "text"))
  var keySeparator: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Print only records of this key.", valueName: "text"))
  var key: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Print only records in whose values this regular expression is found.", valueName: "regex"))
  var grep: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Print only records with this header; may be given several times, and then all have to be there.",
      valueName: "name[=value]"))
  var header: [HeaderFilter] = []

  @Flag(help: "Print only how many records there are.")
  var count = false

  @OptionGroup var payload: PayloadOptions

  @Option(help: "What to do at a value that is no such message: stop or skip. Either tells where it is.")
  var onError: ErrorPolicy = .stop

  @Option(help: "Colours: auto (on a terminal, unless NO_COLOR is set), always or never.")
  var color: ColorArgument = .auto

  func validate() throws {
    if keys, case .length = format {} else if keys { throw ValidationError("--keys goes with --format length") }
    if keySeparator?.isEmpty == true { throw ValidationError("--key-separator is empty") }
    switch format {
    case .text, .nul, .raw, .hex: break
    case .length, .json, .template:
      if keySeparator != nil { throw ValidationError("--key-separator goes with --format text, nul, raw or hex") }
    }
    _ = try outputFormat()
    _ = try filter()
  }

  /// Reads schemas where they are needed. Throws ValidationError and CommandFailure.
  func printer() throws -> RecordPrinter {
    var printer = RecordPrinter(format: try outputFormat())
    printer.keySeparator = keySeparator.map { Array($0.utf8) }
    printer.filter = try filter()
    printer.decoder = try payload.messageType().map(PayloadDecoder.init)
    printer.skipsErrors = onError == .skip
    printer.palette = color.isOn(environment: ProcessInfo.processInfo.environment) ? Palette() : nil
    printer.countsOnly = count
    return printer
  }

  private func outputFormat() throws -> RecordOutputFormat {
    switch format {
    case .text: .text
    case .nul: .nul
    case .raw: .raw
    case .hex: .hex
    case .length: .lengths(isKeyed: keys)
    case .json: .json
    case .template(let text): .template(try Self.template(text))
    }
  }

  private static func template(_ text: String) throws -> RecordTemplate {
    do throws(RecordTemplate.Failure) {
      return try RecordTemplate(text)
    } catch {
      throw ValidationError("--format '\(text)': \(error)")
    }
  }

  private func filter() throws -> RecordFilter {
    RecordFilter(
      key: key.map { ByteBuffer(string: $0) }, value: try grep.map { try BytePattern($0, option: "--grep") },
      headers: header)
  }
}

/// --color.
enum ColorArgument: String, ExpressibleByArgument, CaseIterable {
  case auto
  case always
  case never

  /// Source: https://no-color.org
  func isOn(environment: [String: String]) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .auto:
      Descriptor.standardOutput.isTerminal && environment["NO_COLOR"]?.isEmpty != false
        && environment["TERM"] != "dumb"
    }
  }
}
