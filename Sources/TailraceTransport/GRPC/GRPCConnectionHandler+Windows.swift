internal import Logging
internal import NIOCore
internal import NIOHTTP2
internal import TailraceWire

/// The windows of HTTP/2's flow control that this side opens. How much may come is decided by reading or not, so a
/// window is opened anew as soon as half of it is used: it never is what caps the throughput.
enum GRPCWindows {
  /// Of each stream, in bytes.
  static let streamBytes = 1 << 20
  /// Of all streams of a connection together.
  static let connectionBytes = 8 << 20
  /// What HTTP/2 begins with.
  static let firstConnectionBytes = 65_535

  /// What a window of `size` is to grow by, to be `target` again; nil: not yet.
  static func increment(_ size: Int, target: Int) -> Int? { size <= target / 2 ? target - size : nil }
}

/// Judges how often a peer pings. A ping costs an answer, and tells the peer nothing that TCP does not; gRPC calls those
/// that come too often too_many_pings, and so do we. Whoever is sent something may ping for it: that is how clients
/// measure the connection.
struct PingPolicy {
  private static let interval = TimeAmount.seconds(5)
  private static let maxStrikes = 2

  private var lastAt = NIODeadline.uptimeNanoseconds(0)
  private var strikes = 0

  /// Something other than an answer to a ping was sent.
  mutating func sent() { (lastAt, strikes) = (.uptimeNanoseconds(0), 0) }

  /// True where the peer has pinged too often.
  mutating func isTooMany(at now: NIODeadline) -> Bool {
    if lastAt + Self.interval > now { strikes += 1 }
    lastAt = now
    return strikes > Self.maxStrikes
  }
}

extension GRPCConnectionHandler {
  /// HTTP/2 begins with a small window, which only grows.
  func openWindow() {
    let increment = GRPCWindows.connectionBytes - GRPCWindows.firstConnectionBytes
    write(.rootStream, .windowUpdate(windowSizeIncrement: increment))
    flush()
  }

  func windowChanged(_ event: NIOHTTP2WindowUpdatedEvent) {
    guard phase == .open, let size = event.inboundWindowSize else { return }
    let isConnection = event.streamID == .rootStream
    // A stream whose request is whole needs no more room.
    guard isConnection || streams[event.streamID]?.isInputEnded == false else { return }
    let target = isConnection ? GRPCWindows.connectionBytes : GRPCWindows.streamBytes
    guard let increment = GRPCWindows.increment(size, target: target) else { return }
    write(event.streamID, .windowUpdate(windowSizeIncrement: increment))
  }

  func notePing() {
    if watcher.takeHasSent() { pings.sent() }
    guard pings.isTooMany(at: eventLoop.now) else { return }
    logger.info("connection cut: too many pings", metadata: [LogKey.peer: "\(peer)"])
    let reason = ByteBuffer(string: "too_many_pings")
    write(.rootStream, .goAway(lastStreamID: lastStream, errorCode: .enhanceYourCalm, opaqueData: reason))
    end()
  }
}
