/// The `attributes` of a batch.
package struct BatchAttributes: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package init(compression: Compression, hasAppendTimestamps: Bool = false) {
    rawValue = compression.rawValue | (hasAppendTimestamps ? Self.appendTimestampBit : 0)
  }

  private static let compressionMask: UInt32 = 0b111
  private static let appendTimestampBit: UInt32 = 1 << 3
  private static let transactionalBit: UInt32 = 1 << 4
  private static let controlBit: UInt32 = 1 << 5

  /// How `records` is compressed; nil where this release does not know it.
  package var compression: Compression? { Compression(rawValue: rawValue & Self.compressionMask) }

  /// Whether the records' timestamps are the broker's clock at the append.
  package var hasAppendTimestamps: Bool { rawValue & Self.appendTimestampBit != 0 }

  /// Whether a bit is set that this release gives no meaning to; transactions are not in it.
  package var hasUnknownBits: Bool { rawValue & ~(Self.compressionMask | Self.appendTimestampBit) != 0 }

  /// The same with or without append timestamps.
  package func withAppendTimestamps(_ isOn: Bool) -> BatchAttributes {
    BatchAttributes(rawValue: isOn ? rawValue | Self.appendTimestampBit : rawValue & ~Self.appendTimestampBit)
  }
}

/// How the records of a batch are compressed. Raw values are those of the attributes' lowest three bits.
package enum Compression: UInt32, Sendable, CaseIterable {
  case none = 0
  case gzip = 1
  /// The LZ4 frame format.
  case lz4 = 2
  case zstd = 3
}
