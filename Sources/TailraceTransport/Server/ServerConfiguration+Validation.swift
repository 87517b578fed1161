internal import NIOCore
internal import TailraceWire

/// Why a configuration makes no sense: one line for a person, with the value and its bound.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}

extension ServerConfiguration {
  /// Judges all values, alone and together, and throws about the first that makes no sense. `Server.bind` asks too.
  package func validate() throws(ConfigurationError) {
    try check("the port", port, in: 0...65_535)
    if let eventLoopCount { try check("the number of event loops", eventLoopCount, in: 1...1_024) }
    try connection.validate()
    try process.validate()
    let frame = connection.frame.maxFrameBytes
    // A frame that is not complete is held in memory: with less than two of them one could keep out all others.
    guard process.memoryBudgetBytes / 2 >= frame else {
      throw ConfigurationError(
        "the memory for all connections is \(process.memoryBudgetBytes) bytes: it must be at least twice the frame limit,"
          + " which is \(frame)")
    }
  }
}

extension ConnectionLimits {
  fileprivate func validate() throws(ConfigurationError) {
    // Below 64 KiB not even the least of batches fits beside its request's fields.
    try check("the frame limit in bytes", frame.maxFrameBytes, in: 65_536...Int(UInt32.max))
    try check("the header limit in bytes", frame.maxHeaderBytes, in: 256...Int(UInt16.max))
    try check("the limit of metadata entries", frame.maxMetadataEntries, in: 0...65_535)
    try check("the limit of calls in flight on a connection", maxCallsInFlight, in: 1...65_535)
    try check("the limit of bytes in flight on a connection", maxBytesInFlight, in: 1...maxBytes)
    guard maxBytesInFlight >= frame.maxFrameBytes else {
      throw ConfigurationError(
        "the limit of bytes in flight on a connection is \(maxBytesInFlight): it must be at least the frame limit, which"
          + " is \(frame.maxFrameBytes) bytes")
    }
    try check("what a connection may hold of used-up memory, in bytes,", largeHolderBytes, in: 65_536...maxBytes)
    try check("the idle time-out", idleTimeout)
    try check("the preface time-out", prefaceTimeout)
    try check("the stall time-out", stallTimeout)
    try check("the stall time-out with used-up memory", crampedStallTimeout)
    try check("the linger time-out", lingerTimeout)
    try check("the keepalive interval", keepaliveInterval)
    try check("the keepalive time-out", keepaliveTimeout)
  }
}

extension ProcessLimits {
  fileprivate func validate() throws(ConfigurationError) {
    try check("the limit of connections", maxConnections, in: 1...1_000_000)
    try check("the limit of connections that are refused at a time", maxRefusedConnections, in: 0...65_536)
    try check("the memory for all connections in bytes", memoryBudgetBytes, in: 1...maxBytes)
    try check("the length of a turn", turnLength, from: .microseconds(1))
    try check("the time to look for more before a loop sleeps", busyPollLength, from: .zero)
    try check("the drain time-out", drainTimeout, from: .zero)
  }
}

/// Far above any memory, and far below where sums would overflow.
private let maxBytes = 1 << 50

private func check(_ what: String, _ value: Int, in bounds: ClosedRange<Int>) throws(ConfigurationError) {
  guard bounds.contains(value) else {
    throw ConfigurationError("\(what) is \(value): it must be from \(bounds.lowerBound) to \(bounds.upperBound)")
  }
}

/// Time-outs end somewhere: timers are set by sums of times.
private func check(
  _ what: String, _ value: TimeAmount, from least: TimeAmount = .milliseconds(1)
) throws(ConfigurationError) {
  guard (least...maxTimeout).contains(value) else {
    throw ConfigurationError(
      "\(what) is \(milliseconds(value)) ms: it must be from \(milliseconds(least)) to \(milliseconds(maxTimeout))")
  }
}

private let maxTimeout = TimeAmount.hours(24 * 7)

private func milliseconds(_ time: TimeAmount) -> Int64 { time.nanoseconds / 1_000_000 }
