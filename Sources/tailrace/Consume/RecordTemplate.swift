import TailraceClient

/// A text with places for parts of a record, such as `%t[%p]@%o %k=%v\n`.
struct RecordTemplate: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    case text([UInt8])
    case field(Field)
  }

  /// Raw values are the letters behind the percent sign.
  enum Field: Character, Sendable {
    case topic = "t"
    case partition = "p"
    case offset = "o"
    case key = "k"
    case value = "v"
    /// As `name=value`, with commas in between.
    case headers = "h"
    /// Milliseconds since 1970.
    case timestamp = "T"
    /// The same like 2026-01-31T23:59:59.000Z.
    case time = "D"
    /// In bytes; -1 where there is none.
    case keyLength = "K"
    case valueLength = "S"
  }

  /// What is wrong with a template.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let help = """
    %t topic, %p partition, %o offset, %k key, %v value, %h headers (name=value,...), %T timestamp in milliseconds, \
    %D the same as a time, %K and %S the key's and the value's length (-1: absent), %% a percent sign, and \\n, \\t, \
    \\r, \\0, \\e, \\\\, \\xHH
    """

  let parts: [Part]

  init(_ text: String) throws(Failure) {
    var parts: [Part] = []
    var plain: [UInt8] = []
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "%":
        guard let letter = rest.popFirst() else { throw Failure(description: "a % at the end; write %% for one") }
        if letter == "%" {
          plain.append(UInt8(ascii: "%"))
          continue
        }
        guard let field = Field(rawValue: letter) else {
          throw Failure(description: "there is no %\(letter); there are \(Self.help)")
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        plain = []
        parts.append(.field(field))
      case "\\": plain.append(try Self.escaped(&rest))
      default: plain.append(contentsOf: character.utf8)
      }
    }
    if !plain.isEmpty { parts.append(.text(plain)) }
    self.parts = parts
  }

  private static func escaped(_ rest: inout Substring) throws(Failure) -> UInt8 {
    switch rest.popFirst() {
    case "n": return 0x0A
    case "t": return 0x09
    case "r": return 0x0D
    case "0": return 0
    case "e": return 0x1B
    case "\\": return UInt8(ascii: "\\")
    case "x":
      let digits = rest.prefix(2)
      guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let byte = UInt8(digits, radix: 16) else {
        throw Failure(description: "two hexadecimal digits follow \\x")
      }
      rest.removeFirst(2)
      return byte
    case let other:
      throw Failure(
        description: "there is no \\\(other.map(String.init) ?? ""); there are \\n, \\t, \\r, \\0, \\e, \\\\, \\xHH")
    }
  }
}
