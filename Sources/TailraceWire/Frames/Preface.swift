package import NIOCore

/// What both sides of the native door say first.
package enum Preface {
  /// Length of either side's preface, in bytes.
  package static let byteCount = 8
  /// "TRPC", big-endian.
  package static let magic: UInt32 = 0x5452_5043
  /// The version of the protocol that this release speaks.
  package static let majorVersion: UInt8 = 1
}

/// The client's preface.
///
/// | bytes | value |
/// |---|---|
/// | 0-3 | `TRPC` |
/// | 4 | major version |
/// | 5-7 | zero |
package struct ClientPreface: Hashable, Sendable {
  /// The major version that the client wants to speak.
  package var majorVersion: UInt8

  package init(majorVersion: UInt8 = Preface.majorVersion) { self.majorVersion = majorVersion }

  /// Reads a preface off the front of `buffer`; nil, with nothing read, where there are fewer than 8 bytes.
  package init?(reading buffer: inout ByteBuffer) throws(FrameError) {
    guard let bytes = buffer.readPreface() else { return nil }
    guard bytes.magic == Preface.magic, bytes.rest & 0x00FF_FFFF == 0 else { throw .malformedPreface }
    self.majorVersion = UInt8(truncatingIfNeeded: bytes.rest >> 24)
  }

  package func write(to buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(Preface.magic, majorVersion, 0 as UInt8, 0 as UInt16)
  }
}

/// The server's answer to a client's preface.
///
/// | bytes | value |
/// |---|---|
/// | 0-3 | `TRPC` |
/// | 4 | the major version that it will speak; 0: none that the client asked for, an error frame and the end follow |
/// | 5 | the lowest that it accepts |
/// | 6 | the highest that it accepts |
/// | 7 | zero |
package struct ServerPreface: Hashable, Sendable {
  package var majorVersion: UInt8
  package var lowestVersion: UInt8
  package var highestVersion: UInt8

  package init(majorVersion: UInt8, lowestVersion: UInt8, highestVersion: UInt8) {
    self.majorVersion = majorVersion
    self.lowestVersion = lowestVersion
    self.highestVersion = highestVersion
  }

  /// This release's answer to `client`.
  package init(answering client: ClientPreface) {
    let isSupported = client.majorVersion == Preface.majorVersion
    self.init(
      majorVersion: isSupported ? Preface.majorVersion : 0,
      lowestVersion: Preface.majorVersion, highestVersion: Preface.majorVersion)
  }

  /// Reads a preface off the front of `buffer`; nil, with nothing read, where there are fewer than 8 bytes.
  package init?(reading buffer: inout ByteBuffer) throws(FrameError) {
    guard let bytes = buffer.readPreface() else { return nil }
    guard bytes.magic == Preface.magic else { throw .malformedPreface }
    self.init(
      majorVersion: UInt8(truncatingIfNeeded: bytes.rest >> 24),
      lowestVersion: UInt8(truncatingIfNeeded: bytes.rest >> 16),
      highestVersion: UInt8(truncatingIfNeeded: bytes.rest >> 8))
  }

  package func write(to buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(Preface.magic, majorVersion, lowestVersion, highestVersion, 0 as UInt8)
  }
}

extension ByteBuffer {
  fileprivate mutating func readPreface() -> (magic: UInt32, rest: UInt32)? {
    guard let (magic, rest) = readMultipleIntegers(as: (UInt32, UInt32).self) else { return nil }
    return (magic, rest)
  }
}
