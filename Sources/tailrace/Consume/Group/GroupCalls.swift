import NIOCore
import TailraceClient
import TailraceWire

/// Makes a member's calls over a connection.
struct GroupCalls: Sendable {
  /// How much longer than a call may be kept its answer is awaited.
  private static let slackMs: Int64 = 10_000

  let connection: Connection
  let lookup: StartingPointLookup

  /// Makes a call, but for `connect`, which has none.
  func make(_ call: GroupCall) async throws(RPCError) -> GroupAnswer {
    let service = GroupServiceClient(caller: connection)
    let options = Self.options(maxWaitMs: 0)
    switch call {
    case .connect: return .connected
    case .join(let request): return .joined(try await service.joinGroup(request, options: options))
    case .heartbeat(let request):
      return .heard(try await service.heartbeat(request, options: Self.options(maxWaitMs: request.maxWaitMs)))
    case .position(let partitions):
      return .positioned(try await lookup.startingPoints(of: partitions, over: connection))
    case .fetch(let request):
      let log = LogServiceClient(caller: connection)
      return .fetched(try await log.fetch(request, options: Self.options(maxWaitMs: request.maxWaitMs)))
    case .commit(let request): return .committed(try await service.commitOffset(request, options: options))
    case .describe(let request): return .described(try await service.describeGroup(request, options: options))
    case .leave(let request):
      _ = try await service.leaveGroup(request, options: options)
      return .left
    }
  }

  private static func options(maxWaitMs: UInt32) -> CallOptions {
    CallOptions(timeout: .milliseconds(Int64(maxWaitMs) + slackMs))
  }
}
