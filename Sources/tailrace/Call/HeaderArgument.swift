import ArgumentParser
import TailraceWire

/// Metadata of a request given as KEY=VALUE, or KEY: VALUE as HTTP has it.
struct HeaderArgument: ExpressibleByArgument, Hashable {
  let key: String
  let value: String

  /// Nil unless the key is 1 to 128 lower-case ASCII letters, digits, dashes, underscores and dots.
  init?(argument: String) {
    guard let sign = argument.firstIndex(where: { $0 == "=" || $0 == ":" }) else { return nil }
    key = String(argument[..<sign])
    let rest = argument[argument.index(after: sign)...]
    value = String(argument[sign] == ":" ? rest.drop { $0 == " " } : rest)
    let isKey = key.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard isKey, (1...128).contains(key.utf8.count) else { return nil }
  }

  var metadata: Metadata { Metadata(key: key, value: value) }
}
