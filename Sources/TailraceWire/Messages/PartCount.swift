internal import CTailraceWire
package import NIOCore

/// How many parts a message has that each are work of their own, told without decoding it.
package enum PartCount {
  /// Occurrences of the length-delimited `field` at the top of `message`, and within those of the fields `inner`, with
  /// numbers up to 31. Counts on to `most` and a little further.
  package static func count(in message: ByteBuffer, field: UInt32, inner: [UInt32] = [], most: Int) -> Int {
    message.withUnsafeReadableBytes { bytes in
      trw_count_parts(
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, field,
        inner.reduce(0) { $0 | 1 << $1 }, most)
    }
  }
}
