/// Why bytes are not a JSON text.
package struct JSONParseError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    case unexpectedEnd
    case unexpectedByte(UInt8)
    /// More after the value than whitespace.
    case trailingBytes
    /// Arrays and objects in each other deeper than the limit.
    case tooDeep
    case invalidNumber
    /// A number of more digits than the limit.
    case numberTooLong
    /// An escape that JSON does not have.
    case invalidEscape
    /// Half a surrogate pair.
    case loneSurrogate
    /// A character below U+0020 in a string, not escaped.
    case controlCharacter
    case invalidUTF8
  }

  package let kind: Kind
  /// Byte of the text at which the fault was seen, from 0.
  package let offset: Int

  package var description: String {
    let reason =
      switch kind {
      case .unexpectedEnd: "the text ends too early"
      case .unexpectedByte(let byte) where byte > 0x20 && byte < 0x7f:
        "unexpected '\(Character(Unicode.Scalar(byte)))'"
      case .unexpectedByte(let byte): "unexpected byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))"
      case .trailingBytes: "more follows after the value"
      case .tooDeep: "arrays and objects are nested too deeply"
      case .invalidNumber: "a number is malformed"
      case .numberTooLong: "a number has too many digits"
      case .invalidEscape: "an escape in a string is unknown"
      case .loneSurrogate: "a surrogate in a string has no partner"
      case .controlCharacter: "a control character in a string is not escaped"
      case .invalidUTF8: "a string is not valid UTF-8"
      }
    return "\(reason) (at byte \(offset))"
  }
}
