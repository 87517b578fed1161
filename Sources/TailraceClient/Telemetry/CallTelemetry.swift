internal import Metrics
internal import NIOCore
internal import TailraceWire
internal import Tracing

/// What a client tells metrics and tracing of its calls, where it was given any. Thread-safe.
///
/// | metric | kind | dimensions |
/// |---|---|---|
/// | `tailrace_client_calls` | timer | `method` |
/// | `tailrace_client_call_failures` | counter | `method`, `code` |
struct CallTelemetry: Sendable {
  private let metrics: (any MetricsFactory)?
  private let tracer: (any Tracer)?
  /// What every call carries.
  let metadata: [Metadata]

  init(_ configuration: ClientConfiguration) {
    metrics = configuration.metrics
    tracer = configuration.tracer
    metadata = configuration.metadata.sorted { $0.key < $1.key }.map { Metadata(key: $0.key, value: $0.value) }
  }

  /// Makes one call, `body`, which is given the metadata to send.
  func record<Answer: Sendable>(
    _ method: RPCMethod, _ body: ([Metadata]) async throws(RPCError) -> Answer
  ) async throws(RPCError) -> Answer {
    let call = begin(method)
    do throws(RPCError) {
      let answer = try await body(call.metadata)
      call.end(nil)
      return answer
    } catch {
      call.end(error)
      throw error
    }
  }

  /// Begins to record a call that is made with `metadata`, until `end`.
  func begin(_ method: RPCMethod) -> Recording {
    guard metrics != nil || tracer != nil else { return Recording(metadata: metadata, method: method) }
    var recording = Recording(metadata: metadata, method: method, metrics: metrics, startedAt: .now())
    if let tracer {
      let span = tracer.startSpan(method.fullName, ofKind: .client)
      span.attributes["rpc.system"] = "tailrace"
      tracer.inject(span.context, into: &recording.metadata, using: MetadataInjector())
      recording.span = span
    }
    return recording
  }

  /// A call under way.
  struct Recording: Sendable {
    fileprivate(set) var metadata: [Metadata]
    fileprivate let method: RPCMethod
    fileprivate var metrics: (any MetricsFactory)?
    fileprivate var startedAt: NIODeadline?
    fileprivate var span: (any Span)?

    /// The call was answered, or failed with `error`.
    func end(_ error: RPCError?) {
      if let metrics, let startedAt {
        let dimensions = [("method", method.fullName)]
        Timer(label: "tailrace_client_calls", dimensions: dimensions, factory: metrics)
          .recordNanoseconds((NIODeadline.now() - startedAt).nanoseconds)
        if let error {
          Counter(
            label: "tailrace_client_call_failures",
            dimensions: dimensions + [("code", TailraceError.Code(error).description)], factory: metrics
          ).increment()
        }
      }
      if let span {
        if let error {
          span.recordError(error)
          span.setStatus(SpanStatus(code: .error, message: error.message))
        }
        span.end()
      }
    }
  }
}

/// Writes a span's context as a call's metadata. What the native door cannot carry is left out.
private struct MetadataInjector: Injector {
  func inject(_ value: String, forKey key: String, into carrier: inout [Metadata]) {
    let isName = key.utf8.allSatisfy { byte in
      (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
    }
    guard isName, !key.isEmpty, carrier.count < 64 else { return }
    carrier.append(Metadata(key: key, value: value))
  }
}
