internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Answers LogService/Produce, on the connection's event loop. All produce calls of one read are appended together.
struct ProduceHandler: Sendable {
  let topics: TopicTable
  let store: any LogStore
  let clock: any WallClock

  /// Targets, records and batches of one call, in sum: there is room for all their results in one response.
  static let maxParts = 300_000

  /// Takes calls that stand next to each other in one read.
  func handle(_ calls: [InboundCall], from connection: any CallConnection) {
    let planner = ProducePlanner(topics: topics, nowMs: clock.nowMs())
    var appends: [AppendRequest] = []
    appends.reserveCapacity(calls.count)
    for call in calls { prepare(call, from: connection, planner, &appends) }
    if !appends.isEmpty { store.append(appends, fence: .local) }
  }

  private func prepare(
    _ call: InboundCall, from connection: any CallConnection, _ planner: ProducePlanner,
    _ appends: inout [AppendRequest]
  ) {
    let request: ProduceRequest
    do throws(RPCError) { request = try decode(call) } catch {
      connection.respond(.failure(error), to: call.id)
      return
    }
    let plan = planner.plan(request)
    if request.acks == .none { connection.respond(.message(ByteBuffer()), to: call.id) }
    let isAnswered = request.acks == .none
    guard !plan.parts.isEmpty else {
      if !isAnswered { connection.respond(Response(plan.response([])), to: call.id) }
      return
    }
    let id = call.id
    appends.append(
      AppendRequest(parts: plan.parts, durability: durability(request, plan)) { outcomes in
        if !isAnswered { connection.respond(Response(plan.response(outcomes)), to: id) }
      })
  }

  private func decode(_ call: InboundCall) throws(RPCError) -> ProduceRequest {
    let request = try call.decoded(as: ProduceRequest.self)
    guard !request.targets.isEmpty else { throw RPCError(.invalidArgument, "targets: at least one is needed") }
    let count = request.targets.reduce(request.targets.count) { $0 + $1.records.count + $1.batches.count }
    guard count <= Self.maxParts else {
      throw RPCError(
        .invalidArgument, "\(count) targets, records and batches; at most \(Self.maxParts) are allowed in one call",
        error: .limitReached)
    }
    guard Acks.allKnown.contains(request.acks) else {
      throw RPCError(.invalidArgument, "acks: \(request.acks.rawValue) is unknown; 0 to 3 are known")
    }
    return request
  }

  /// Unset acks: DURABLE as soon as one of the topics is.
  private func durability(_ request: ProduceRequest, _ plan: ProducePlan) -> AppendDurability {
    switch request.acks {
    case .durable: return .durable
    case .written, .none: return .written
    default:
      let isDurable = request.targets.contains { topics.topic(named: $0.topic)?.config.log.durability == .durable }
      return isDurable ? .durable : .written
    }
  }
}
