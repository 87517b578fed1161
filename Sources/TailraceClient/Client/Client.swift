internal import Logging
internal import NIOCore
public import ServiceLifecycle
internal import Synchronization
package import TailraceWire

/// A program's link to a broker: one connection that producers, consumers and administration share.
///
/// It connects when something is first asked, and again when the connection was lost. Either `close` it at the end, or
/// let a `ServiceGroup` run it: `run` returns, with everything closed, after a graceful shutdown. Thread-safe.
public final class Client: Service {
  let configuration: ClientConfiguration
  let link: BrokerLink
  let telemetry: CallTelemetry

  /// A client; nothing is connected yet. Fails with INVALID_ARGUMENT where the configuration makes no sense.
  public init(_ configuration: ClientConfiguration = ClientConfiguration()) throws(TailraceError) {
    guard let address = ServerAddress(configuration.server) else {
      throw TailraceError(
        .invalidArgument,
        "the server is '\(configuration.server)', which is not HOST:PORT, such as 127.0.0.1:7171 or [::1]:7171")
    }
    self.configuration = configuration
    telemetry = CallTelemetry(configuration)
    link = BrokerLink(address, configuration)
  }

  /// Serves until the task is cancelled or the service group shuts down, then closes.
  public func run() async throws {
    try? await gracefulShutdown()
    await close()
  }

  /// Closes the connection; whatever waits for the broker fails with CANCELLED, and so does everything asked later.
  /// Close producers and consumers first.
  public func close() async { await link.close() }

  // MARK: Calls

  /// Whether a call may be made a second time when it is not known whether the first was carried out.
  package enum Retry: Sendable {
    /// It reads, or does the same thing twice as once.
    case always
    /// Only where it certainly was not carried out: there was no connection to send it over.
    case ifNotSent
  }

  /// Makes a call: waits for a connection, and tries again what is retriable, until `timeout` is over.
  package func call<Answer: WireMessage>(
    _ method: RPCMethod, _ request: some WireMessage, as type: Answer.Type = Answer.self, timeout: Duration? = nil,
    retry: Retry = .always
  ) async throws(TailraceError) -> Answer {
    do throws(RPCError) {
      let bytes: ByteBuffer
      do throws(EncodeError) { bytes = try request.encoded() } catch { throw RPCError(.invalidArgument, "\(error)") }
      let answer = try await call(method, bytes, timeout: timeout ?? configuration.callTimeout, retry: retry)
      do throws(DecodeError) { return try Answer(decoding: answer) } catch {
        throw RPCError(.internalError, "the broker's answer cannot be read: \(error)")
      }
    } catch {
      throw TailraceError(error)
    }
  }

  private func call(
    _ method: RPCMethod, _ request: ByteBuffer, timeout: Duration, retry: Retry
  ) async throws(RPCError) -> ByteBuffer {
    let deadline = ContinuousClock.now + timeout
    var backoff = Backoff(firstMs: configuration.initialBackoff.ms, maxMs: configuration.maxBackoff.ms)
    while true {
      let connection = try await connection(until: deadline)
      let left = deadline - .now
      do throws(RPCError) {
        return try await telemetry.record(method) { metadata throws(RPCError) in
          try await connection.call(method, request, CallOptions(timeout: left, metadata: metadata))
        }
      } catch {
        guard retry == .always, TailraceError.Code(error).isRetriable else { throw error }
        backoff.fail(nowMs: 0, fraction: .random(in: 0...1))
        guard .milliseconds(backoff.retryAtMs) < deadline - .now else { throw error }
        do { try await Task.sleep(for: .milliseconds(backoff.retryAtMs)) } catch { throw Self.cancelled }
      }
    }
  }

  /// The connection; waits for one until `deadline`. Fails with CANCELLED, or UNAVAILABLE and why there is none.
  package func connection(until deadline: ContinuousClock.Instant) async throws(RPCError) -> Connection {
    if let connection = link.current { return connection }
    if Task.isCancelled { throw Self.cancelled }
    let waiting = WaitingForConnection()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        waiting.begin(on: link, until: deadline, continuation)
      }
    } onCancel: {
      waiting.end(.failure(Self.cancelled))
    }
    return try result.get()
  }

  private static let cancelled = RPCError(.cancelled, "the task was cancelled")
}

/// A task that waits for a connection: until there is one, its time is over, or it is cancelled. Thread-safe.
private final class WaitingForConnection: Sendable {
  typealias Outcome = Result<Connection, RPCError>

  private struct State {
    var continuation: CheckedContinuation<Outcome, Never>?
    /// Ended before it began.
    var outcome: Outcome?
    var withdraw: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  func begin(
    on link: BrokerLink, until deadline: ContinuousClock.Instant, _ continuation: CheckedContinuation<Outcome, Never>
  ) {
    let early: Outcome? = state.withLock { state in
      if state.outcome == nil { state.continuation = continuation }
      return state.outcome
    }
    if let early { return continuation.resume(returning: early) }
    let timer = link.schedule(in: deadline - .now) { [self] in
      let text = "no connection in time"
      end(.failure(link.failure ?? RPCError(.unavailable, text)))
    }
    let waiter = link.whenConnected { [self] in end($0) }
    let withdraw: @Sendable () -> Void = {
      timer.cancel()
      if let waiter { link.withdraw(waiter) }
    }
    let hasEnded = state.withLock { state in
      if state.continuation != nil { state.withdraw = withdraw }
      return state.continuation == nil
    }
    if hasEnded { withdraw() }
  }

  func end(_ outcome: Outcome) {
    let (continuation, withdraw) = state.withLock { state in
      defer { (state.continuation, state.withdraw) = (nil, nil) }
      if state.outcome == nil { state.outcome = outcome }
      return (state.continuation, state.withdraw)
    }
    withdraw?()
    continuation?.resume(returning: outcome)
  }
}
