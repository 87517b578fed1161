internal import CTailraceWire

/// Bounds of decoding. All are checked before memory is spent.
package struct DecodeLimits: Hashable, Sendable {
  /// Longest message accepted, in bytes, inclusive.
  package var maxBytes: Int
  /// Levels of nested messages below the top one, inclusive.
  package var maxDepth: UInt32
  /// Most memory that unpacking one message may take, in bytes, where no arena is given. Many tiny sub-messages take
  /// far more memory than bytes on the wire; this caps them, and leaves a message of `maxBytes` of plain records
  /// (each copied once) three times its size for structure.
  package var arenaBytes: Int

  package init(maxBytes: Int = 16 << 20, maxDepth: UInt32 = 32, arenaBytes: Int = 64 << 20) {
    self.maxBytes = maxBytes
    self.maxDepth = maxDepth
    self.arenaBytes = arenaBytes
  }

  /// 16 MiB, 32 levels, 64 MiB of memory.
  package static let `default` = DecodeLimits()
}

/// Why bytes could not be decoded.
package struct DecodeError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// Not well-formed protobuf, or a field's wire type does not fit the schema.
    case malformed
    /// Nested deeper than the limit.
    case tooDeep
    /// Longer than the limit, or it would take more memory than the arena's.
    case tooLarge
    /// A `string` field is not UTF-8.
    case invalidUTF8
    /// A `string` field holds a NUL.
    case nulInString
  }

  package let kind: Kind
  /// Where: "targets[1].topic"; empty for the message itself. Long paths are cut at their end.
  package let path: String
  /// Byte of the message at which the fault was seen, from 0.
  package let offset: Int
  /// Full name of the message that was to be decoded.
  package let messageName: String

  package init(kind: Kind, path: String, offset: Int, messageName: String) {
    self.kind = kind
    self.path = path
    self.offset = offset
    self.messageName = messageName
  }

  package var description: String {
    let reason =
      switch kind {
      case .malformed: "is malformed"
      case .tooDeep: "is nested too deeply"
      case .tooLarge: "is too large"
      case .invalidUTF8: "is not valid UTF-8"
      case .nulInString: "holds a NUL character"
      }
    return path.isEmpty
      ? "\(messageName) \(reason) (at byte \(offset))"
      : "\(path) \(reason) (at byte \(offset) of \(messageName))"
  }
}

extension DecodeError {
  init(_ error: trw_unpack_error, messageName: String) {
    let kind: Kind =
      switch error.status {
      case TRW_TOO_DEEP: .tooDeep
      case TRW_TOO_LARGE: .tooLarge
      case TRW_INVALID_UTF8: .invalidUTF8
      case TRW_NUL_IN_STRING: .nulInString
      default: .malformed
      }
    let path = withUnsafeBytes(of: error.path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    self.init(kind: kind, path: path, offset: max(0, error.offset), messageName: messageName)
  }
}
