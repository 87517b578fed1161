import NIOCore
import Synchronization
import TailraceWire

/// What `--verbose` tells of a call, on standard error: a line each, `>` before what was sent, `<` before what came.
/// Thread-safe.
final class CallReport: Sendable {
  private let start = ContinuousClock.now
  private let received = Mutex((metadata: [Metadata](), trailers: [Metadata]()))

  static func connected(to server: String, in time: Duration) {
    tell("* connected to \(server) in \(Quantity.latency(time))")
  }

  /// Tells of the request.
  init(_ method: RPCMethod, _ message: ByteBuffer, _ options: CallOptions) {
    let most = options.timeout.map { ", \(Quantity.latency($0)) at most" } ?? ""
    Self.tell("> \(method.fullName), \(message.readableBytes) bytes\(most)")
    for entry in options.metadata { Self.tell("> \(entry.key): \(entry.value)") }
  }

  /// The same options, that hand over what comes beside the answer.
  func watching(_ options: CallOptions) -> CallOptions {
    var options = options
    options.onMetadata = { [self] entries in received.withLock { $0.metadata = entries } }
    options.onTrailers = { [self] entries in received.withLock { $0.trailers = entries } }
    return options
  }

  /// Tells how the call ended. `answers`: how many there were, where the call streams.
  func ended(_ failure: RPCError?, answers: Int?, byteCount: Int) {
    let took = Quantity.latency(ContinuousClock.now - start)
    let count = answers.map { "\($0) \($0 == 1 ? "message" : "messages"), " } ?? ""
    if let failure {
      Self.tell("< \(failure.code.name), \(answers == nil ? "" : "\(count)\(byteCount) bytes, ")in \(took)")
    } else {
      Self.tell("< OK, \(count)\(byteCount) bytes, in \(took)")
    }
    let (metadata, trailers) = received.withLock { $0 }
    for entry in metadata { Self.tell("< \(entry.key): \(entry.value)") }
    for entry in trailers { tell(trailer: entry) }
  }

  private func tell(trailer: Metadata) {
    guard trailer.key == GRPCStatusDetails.key, let details = GRPCStatusDetails(base64: trailer.value) else {
      return Self.tell("< (trailer) \(trailer.key): \(trailer.value)")
    }
    for detail in details.details { Self.tell("< (detail) \(detail)") }
  }

  private static func tell(_ line: String) { StandardError.write("\(line.withoutControls)\n") }
}
