/// What stands in `format.json`: an object of plain strings and numbers, read strictly.
struct DataFormatText {
  /// The version of everything below the data directory that this release reads and writes.
  static let version: UInt64 = 1

  /// 32 hexadecimal digits.
  var clusterID: String

  var text: String { "{\"format_version\":\(Self.version),\"cluster_id\":\"\(clusterID)\"}\n" }

  static func drawClusterID(using generator: inout some RandomNumberGenerator) -> String {
    let digits = Array("0123456789abcdef")
    return String((0..<32).map { _ in digits[Int.random(in: 0..<16, using: &generator)] })
  }

  /// Whether the text is readable and of a later version than `version`.
  static func isOfLaterRelease(_ text: String) -> Bool {
    var parser = FlatObjectParser(text)
    guard let members = parser.parse(), case .number(let found) = members["format_version"] else { return false }
    return found > version
  }

  /// Reads the text. A later version is named as such, whatever else it holds.
  static func parse(_ text: String) throws(StorageError) -> DataFormatText {
    var parser = FlatObjectParser(text)
    guard let members = parser.parse() else {
      throw StorageError(.incompatible, "format.json is damaged: no JSON object of strings and whole numbers")
    }
    guard case .number(let found) = members["format_version"] else {
      throw StorageError(.incompatible, "format.json has no format_version")
    }
    guard found == version else {
      let hint = found > version ? "; it was made by a later release" : ""
      throw StorageError(
        .incompatible,
        "the data directory has format \(found), this release knows \(version)\(hint); nothing was touched")
    }
    guard members.count == 2, case .string(let clusterID) = members["cluster_id"], clusterID.utf8.count == 32,
      clusterID.utf8.allSatisfy({ byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      })
    else {
      throw StorageError(.incompatible, "format.json is damaged: cluster_id is 32 lower-case hexadecimal digits")
    }
    return DataFormatText(clusterID: clusterID)
  }
}

/// Reads one JSON object whose values are strings without escapes or whole numbers; nothing else.
private struct FlatObjectParser {
  enum Value {
    case string(String)
    case number(UInt64)
  }

  private var rest: Substring.UTF8View

  init(_ text: String) { rest = text[...].utf8 }

  /// Nil where the text is anything else, or names a member twice.
  mutating func parse() -> [String: Value]? {
    var members: [String: Value] = [:]
    guard take("{") else { return nil }
    guard !take("}") else { return isAtEnd ? members : nil }
    repeat {
      guard let name = string(), take(":"), let value = value(), members.updateValue(value, forKey: name) == nil else {
        return nil
      }
    } while take(",")
    return take("}") && isAtEnd ? members : nil
  }

  private var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return rest.isEmpty
    }
  }

  private mutating func skipSpace() { rest = rest.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) } }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  private mutating func value() -> Value? {
    skipSpace()
    if rest.first == UInt8(ascii: "\"") { return string().map { .string($0) } }
    let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    rest = rest.dropFirst(digits.count)
    guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    return UInt64(Substring(digits)).map { .number($0) }
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    let content = rest.prefix { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    rest = rest.dropFirst(content.count)
    guard rest.first == UInt8(ascii: "\"") else { return nil }
    rest = rest.dropFirst()
    return String(Substring(content))
  }
}
