package import NIOCore

internal import CTailraceWire

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
package enum CRC32C {
  /// The checksum of `bytes`, going on from `seed` (0 at the start).
  package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    trw_crc32c(seed, bytes.baseAddress, bytes.count)
  }

  /// The checksum of the readable bytes.
  package static func checksum(_ buffer: ByteBuffer) -> UInt32 {
    buffer.withUnsafeReadableBytes { checksum($0) }
  }

  /// What computes it on this machine: "vpclmulqdq", "sse4.2", "armv8" or "table".
  package static var implementation: String { String(cString: trw_crc32c_implementation()) }
}
