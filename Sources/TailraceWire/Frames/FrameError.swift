/// Why bytes are no frames of the native door. After any of these the stream cannot be followed any further.
package enum FrameError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Not the eight bytes that were expected.
  case malformedPreface
  /// The frame's length field, which counts itself out, is below the 2 bytes that the header's length takes.
  case frameTooShort(length: Int)
  case frameTooLong(length: Int, maxBytes: Int)
  case headerTooLong(length: Int, maxBytes: Int)
  /// The header would end behind the frame's end.
  case headerPastFrame(headerLength: Int, frameLength: Int)
  /// The header is no well-formed message.
  case malformedHeader
  /// The header is well-formed and makes no sense; the text says why.
  case invalidHeader(String)

  package var description: String {
    switch self {
    case .malformedPreface:
      "the preface is malformed: expected 'TRPC', the major version, and zero bytes up to a length of 8"
    case .frameTooShort(let length):
      "a frame of \(length) bytes is too short: it takes 2 for its header's length"
    case .frameTooLong(let length, let maxBytes):
      "a frame of \(length) bytes is too long: at most \(maxBytes) are accepted"
    case .headerTooLong(let length, let maxBytes):
      "a frame header of \(length) bytes is too long: at most \(maxBytes) are accepted"
    case .headerPastFrame(let headerLength, let frameLength):
      "a frame header of \(headerLength) bytes does not fit into its frame of \(frameLength)"
    case .malformedHeader:
      "a frame header is not well-formed protobuf"
    case .invalidHeader(let reason):
      reason
    }
  }
}

extension RPCError {
  /// The failure of a connection over this error: RESOURCE_EXHAUSTED where something is too long, else
  /// INVALID_ARGUMENT.
  package init(_ error: FrameError) {
    switch error {
    case .frameTooLong, .headerTooLong:
      self.init(.resourceExhausted, error.description, error: .limitReached)
    default:
      self.init(.invalidArgument, error.description, error: .invalidRequest)
    }
  }
}
