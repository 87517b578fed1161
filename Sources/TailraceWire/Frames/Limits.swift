package import NIOCore

/// Bounds of one frame. A decoder checks them before it waits for, or allocates, anything.
package struct FrameLimits: Hashable, Sendable {
  /// Most bytes of a frame after its length field, inclusive.
  package var maxFrameBytes: Int
  /// Most bytes of a frame's header, inclusive; never above 65,535, which its length field can hold.
  package var maxHeaderBytes: Int
  /// Most entries of metadata in a header, inclusive.
  package var maxMetadataEntries: Int

  package init(maxFrameBytes: Int = 16 << 20, maxHeaderBytes: Int = 16 << 10, maxMetadataEntries: Int = 64) {
    self.maxFrameBytes = min(max(2, maxFrameBytes), Int(UInt32.max))
    self.maxHeaderBytes = min(max(0, maxHeaderBytes), Int(UInt16.max))
    self.maxMetadataEntries = maxMetadataEntries
  }

  /// 16 MiB frames, 16 KiB headers, 64 entries of metadata.
  package static let `default` = FrameLimits()
}

/// Bounds of one connection. How deep messages nest is bounded where they are decoded: `DecodeLimits`.
/// The README's section "Limits and defaults" tells them to users.
package struct ConnectionLimits: Hashable, Sendable {
  package var frame: FrameLimits
  /// Calls taken in and not answered yet, inclusive; one more gets RESOURCE_EXHAUSTED. At most 65,535.
  package var maxCallsInFlight: Int
  /// Requests not executed yet, and output not sent yet: at this many bytes together the server stops reading, and at
  /// this many bytes of output it executes no further call.
  package var maxBytesInFlight: Int
  /// A connection without traffic and without calls in flight is closed after this.
  package var idleTimeout: TimeAmount
  /// The client's preface must be there within this.
  package var prefaceTimeout: TimeAmount
  /// A peer that takes no byte of pending output, or sends no byte of a frame that it began, for this long is cut off.
  package var stallTimeout: TimeAmount
  /// A connection for which more bytes of answers than this wait in memory counts among those that use the process's
  /// memory up. While that is so, it may be refused and cut off for it; others are not. As for the requests of a
  /// connection that waits for memory: up to this much is never refused.
  package var largeHolderBytes: Int
  /// Stands for `stallTimeout` while the process's memory is used up and the connection holds much of it.
  package var crampedStallTimeout: TimeAmount
  /// How long a connection is kept after the last frame to it, for the peer to read that frame.
  package var lingerTimeout: TimeAmount

  package init(
    frame: FrameLimits = .default,
    maxCallsInFlight: Int = 1024,
    maxBytesInFlight: Int = 64 << 20,
    idleTimeout: TimeAmount = .minutes(10),
    prefaceTimeout: TimeAmount = .seconds(5),
    stallTimeout: TimeAmount = .seconds(30),
    largeHolderBytes: Int = 1 << 20,
    crampedStallTimeout: TimeAmount = .seconds(5),
    lingerTimeout: TimeAmount = .seconds(2)
  ) {
    self.frame = frame
    self.maxCallsInFlight = min(max(1, maxCallsInFlight), Int(UInt16.max))
    self.maxBytesInFlight = max(1, maxBytesInFlight)
    self.idleTimeout = idleTimeout
    self.prefaceTimeout = prefaceTimeout
    self.stallTimeout = stallTimeout
    self.largeHolderBytes = largeHolderBytes
    self.crampedStallTimeout = crampedStallTimeout
    self.lingerTimeout = lingerTimeout
  }

  package static let `default` = ConnectionLimits()
}

/// Bounds of the whole process.
package struct ProcessLimits: Hashable, Sendable {
  /// Connections open at a time, inclusive; one more is told so and closed.
  package var maxConnections: Int
  /// Connections beyond `maxConnections` that are told so at a time, each for `lingerTimeout` at most; further ones are
  /// closed without a word. They take descriptors too.
  package var maxRefusedConnections: Int
  /// Requests not executed yet, and output in memory not sent yet, of all connections together, in bytes.
  package var memoryBudgetBytes: Int

  package init(
    maxConnections: Int = 10_000, maxRefusedConnections: Int = 64, memoryBudgetBytes: Int = 512 << 20
  ) {
    self.maxConnections = max(1, maxConnections)
    self.maxRefusedConnections = max(0, maxRefusedConnections)
    self.memoryBudgetBytes = max(1, memoryBudgetBytes)
  }

  /// 10,000 connections, 512 MiB.
  package static let `default` = ProcessLimits()
}
