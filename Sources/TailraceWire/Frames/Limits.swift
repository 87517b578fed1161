package import NIOCore

/// Bounds of one frame. A decoder checks them before it waits for, or allocates, anything.
package struct FrameLimits: Hashable, Sendable {
  /// Most bytes of a frame after its length field, inclusive. Default: 16 MiB.
  package var maxFrameBytes: Int
  /// Most bytes of a frame's header, inclusive; never above 65,535, which its length field can hold. Default: 16 KiB.
  package var maxHeaderBytes: Int
  /// Most entries of metadata in a header, inclusive. Default: 64.
  package var maxMetadataEntries: Int

  /// Cuts the two lengths to what their fields on the wire can hold.
  package init(maxFrameBytes: Int = 16 << 20, maxHeaderBytes: Int = 16 << 10, maxMetadataEntries: Int = 64) {
    self.maxFrameBytes = min(max(2, maxFrameBytes), Int(UInt32.max))
    self.maxHeaderBytes = min(max(0, maxHeaderBytes), Int(UInt16.max))
    self.maxMetadataEntries = maxMetadataEntries
  }

  /// 16 MiB frames, 16 KiB headers, 64 entries of metadata.
  package static let `default` = FrameLimits()
}

/// Bounds of one connection. How deep messages nest is bounded where they are decoded: `DecodeLimits`.
///
/// Nothing is checked here: which values make sense together, the server's configuration tells (`validate`). The README's
/// section "Limits and defaults" tells them to users.
package struct ConnectionLimits: Hashable, Sendable {
  /// Bounds of each request's frame. Answers keep to the default, which clients expect.
  package var frame: FrameLimits
  /// Calls taken in and not answered yet, inclusive; one more gets RESOURCE_EXHAUSTED. From 1 to 65,535; default: 1,024.
  package var maxCallsInFlight: Int
  /// Requests not executed yet, and output not sent yet: at this many bytes together the server stops reading, and at
  /// this many bytes of output it executes no further call. At least a frame; default: 64 MiB.
  package var maxBytesInFlight: Int
  /// A connection without traffic and without calls in flight is closed after this. Default: 10 minutes.
  package var idleTimeout: TimeAmount
  /// The client's preface must be there within this. Default: 5 s.
  package var prefaceTimeout: TimeAmount
  /// A peer that takes no byte of pending output, or sends no byte of a frame that it began, for this long is cut off.
  /// Default: 30 s.
  package var stallTimeout: TimeAmount
  /// A connection for which more bytes of answers than this wait in memory counts among those that use the process's
  /// memory up. While that is so, it may be refused and cut off for it; others are not. As for the requests of a
  /// connection that waits for memory: up to this much is never refused. Default: 1 MiB.
  package var largeHolderBytes: Int
  /// Stands for `stallTimeout`, where it is shorter, while the process's memory is used up and the connection holds
  /// much of it. Default: 5 s.
  package var crampedStallTimeout: TimeAmount
  /// How long a connection is kept after the last frame to it, for the peer to read that frame. Default: 2 s.
  package var lingerTimeout: TimeAmount
  /// A peer that has sent nothing for this long while calls of it are in flight is asked whether it is there: by HTTP/2's
  /// PING on gRPC's door, and on both by the kernel, which asks without calls too, and counts in seconds. Default: 30 s.
  package var keepaliveInterval: TimeAmount
  /// A peer that does not answer that for this long is cut off. Default: 20 s.
  package var keepaliveTimeout: TimeAmount

  package init(
    frame: FrameLimits = .default,
    maxCallsInFlight: Int = 1024,
    maxBytesInFlight: Int = 64 << 20,
    idleTimeout: TimeAmount = .minutes(10),
    prefaceTimeout: TimeAmount = .seconds(5),
    stallTimeout: TimeAmount = .seconds(30),
    largeHolderBytes: Int = 1 << 20,
    crampedStallTimeout: TimeAmount = .seconds(5),
    lingerTimeout: TimeAmount = .seconds(2),
    keepaliveInterval: TimeAmount = .seconds(30),
    keepaliveTimeout: TimeAmount = .seconds(20)
  ) {
    self.frame = frame
    self.maxCallsInFlight = maxCallsInFlight
    self.maxBytesInFlight = maxBytesInFlight
    self.idleTimeout = idleTimeout
    self.prefaceTimeout = prefaceTimeout
    self.stallTimeout = stallTimeout
    self.largeHolderBytes = largeHolderBytes
    self.crampedStallTimeout = crampedStallTimeout
    self.lingerTimeout = lingerTimeout
    self.keepaliveInterval = keepaliveInterval
    self.keepaliveTimeout = keepaliveTimeout
  }

  package static let `default` = ConnectionLimits()
}

/// Bounds of the whole process. As with `ConnectionLimits`, nothing is checked here.
package struct ProcessLimits: Hashable, Sendable {
  /// Connections open at a time, inclusive; one more is told so and closed. Default: 10,000.
  package var maxConnections: Int
  /// Connections beyond `maxConnections` that are told so at a time, each for `lingerTimeout` at most; further ones are
  /// closed without a word. They take descriptors too. Default: 64.
  package var maxRefusedConnections: Int
  /// Requests not executed yet, and output in memory not sent yet, of all connections together, in bytes. At least two
  /// frames; default: 512 MiB.
  package var memoryBudgetBytes: Int
  /// For how long an event loop takes calls before it looks at its sockets again, beyond a few of each connection.
  /// Default: 50 us.
  package var turnLength: TimeAmount
  /// For how long an event loop whose calls come close behind one another looks for more before it sleeps; eight
  /// times as long where an answer is due from the disk. 0: not at all.
  /// Default: 50 us.
  package var busyPollLength: TimeAmount
  /// What calls in flight have to finish when the server is stopped; what takes longer is cut off. Default: 30 s.
  package var drainTimeout: TimeAmount

  package init(
    maxConnections: Int = 10_000, maxRefusedConnections: Int = 64, memoryBudgetBytes: Int = 512 << 20,
    turnLength: TimeAmount = .microseconds(50), busyPollLength: TimeAmount = .microseconds(50),
    drainTimeout: TimeAmount = .seconds(30)
  ) {
    self.maxConnections = maxConnections
    self.maxRefusedConnections = maxRefusedConnections
    self.memoryBudgetBytes = memoryBudgetBytes
    self.turnLength = turnLength
    self.busyPollLength = busyPollLength
    self.drainTimeout = drainTimeout
  }

  package static let `default` = ProcessLimits()
}
