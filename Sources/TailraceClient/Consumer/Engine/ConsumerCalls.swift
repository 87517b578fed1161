internal import Logging
internal import NIOCore
internal import TailraceWire

/// Makes a consumer's calls.
struct ConsumerCalls: Sendable {
  /// How much longer than a call may be kept its answer is awaited.
  private static let slackMs: Int64 = 10_000

  typealias Completion = @Sendable (Result<ConsumerAnswer, RPCError>) -> Void

  private let settings: ConsumerMachine.Settings
  private let client: Client
  /// Of all that is logged.
  let metadata: Logger.Metadata

  init(_ settings: ConsumerMachine.Settings, _ client: Client) {
    self.settings = settings
    self.client = client
    metadata = settings.group.map { ["group": "\($0)"] } ?? [:]
  }

  /// Makes a call. `completion` is called once, on any thread, unless the call is given up, with what is returned.
  func make(
    _ call: ConsumerCall, over connection: Connection, _ completion: @escaping Completion
  ) -> @Sendable () -> Void {
    switch call {
    case .join(let request):
      return send(.groupServiceJoinGroup, request, over: connection, completion) { .joined($0) }
    case .heartbeat(let request):
      return send(.groupServiceHeartbeat, request, over: connection, maxWaitMs: request.maxWaitMs, completion) {
        .heard($0)
      }
    case .commit(let request):
      return send(.groupServiceCommitOffset, request, over: connection, completion) { .committed($0) }
    case .leave(let request):
      return send(.groupServiceLeaveGroup, request, over: connection, completion) { (_: LeaveGroupResponse) in .left }
    case .describe(let request):
      return send(.groupServiceDescribeGroup, request, over: connection, completion) { .described($0) }
    case .fetch(let request):
      return send(.logServiceFetch, request, over: connection, maxWaitMs: request.maxWaitMs, completion) {
        .fetched($0)
      }
    case .discover:
      let discovery = PartitionDiscovery(source: settings.source, options: options())
      return run(completion) { () async throws(RPCError) in
        .discovered(try await discovery.partitions(over: connection))
      }
    case .position(let partitions):
      let lookup = StartingPointLookup(group: settings.group, start: settings.start, options: options())
      return run(completion) { () async throws(RPCError) in
        .positioned(try await lookup.startingPoints(of: partitions, over: connection))
      }
    case .lookUp(let query):
      let options = options()
      return run(completion) { () async throws(RPCError) in
        .found(try await StartingPointLookup.offset(query, over: connection, options))
      }
    }
  }

  private func options(maxWaitMs: UInt32 = 0, metadata: [Metadata]? = nil) -> CallOptions {
    CallOptions(
      timeout: .milliseconds(Int64(maxWaitMs) + Self.slackMs),
      metadata: metadata ?? client.configuration.metadata.map { Metadata(key: $0.key, value: $0.value) })
  }

  private func send<Answer: WireMessage>(
    _ method: RPCMethod, _ request: some WireMessage, over connection: Connection, maxWaitMs: UInt32 = 0,
    _ completion: @escaping Completion, _ answer: @escaping @Sendable (Answer) -> ConsumerAnswer
  ) -> @Sendable () -> Void {
    let recording = client.telemetry.begin(method)
    let bytes: ByteBuffer
    do throws(EncodeError) {
      bytes = try request.encoded()
    } catch {
      completion(.failure(RPCError(.invalidArgument, "\(error)")))
      return {}
    }
    let options = options(maxWaitMs: maxWaitMs, metadata: recording.metadata)
    let call = connection.send(method, bytes, options) { result in
      let decoded: Result<ConsumerAnswer, RPCError> = result.flatMap { bytes in
        do throws(DecodeError) { return .success(answer(try Answer(decoding: bytes))) } catch {
          return .failure(RPCError(.internalError, "the broker's answer cannot be read: \(error)"))
        }
      }
      if case .failure(let error) = decoded { recording.end(error) } else { recording.end(nil) }
      completion(decoded)
    }
    return { connection.cancel(call) }
  }

  private func run(
    _ completion: @escaping Completion, _ body: @escaping @Sendable () async throws(RPCError) -> ConsumerAnswer
  ) -> @Sendable () -> Void {
    let task = Task { @concurrent in
      do throws(RPCError) { completion(.success(try await body())) } catch { completion(.failure(error)) }
    }
    return { task.cancel() }
  }
}
