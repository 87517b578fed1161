internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Answers LogService/Produce, on the connection's event loop. All produce calls of one read are appended together.
struct ProduceHandler: Sendable {
  let topics: TopicTable
  let producerIDs: ProducerIDs
  let store: any LogStore
  let clock: any WallClock
  /// Where calls with compressed batches go: to decompress and check them may take long.
  let queue: CallQueue

  /// Targets, records and batches of one call, in sum: there is room for all their results in one response.
  static let maxParts = 300_000

  /// Takes calls that stand next to each other in one read.
  func handle(_ calls: [InboundCall], from connection: any CallConnection) {
    let planner = planner
    var appends: [AppendRequest] = []
    appends.reserveCapacity(calls.count)
    for call in calls {
      let request: ProduceRequest
      do throws(RPCError) { request = try decode(call) } catch {
        connection.respond(.failure(error), to: call.id)
        continue
      }
      guard request.hasCompressedBatch || queue.isBusy(with: connection) else {
        prepare(request, call.id, from: connection, planner, &appends)
        continue
      }
      // What came before must be appended before, and what comes behind goes behind in the queue.
      append(&appends)
      queue.add(
        CallQueue.Job(call: call.id, connection: connection, byteCount: call.message.readableBytes) {
          run(request, call.id, from: connection)
        })
    }
    append(&appends)
  }

  /// One call, off the event loop. The queue runs one call of a connection at a time, in order.
  private func run(_ request: ProduceRequest, _ id: CallID, from connection: any CallConnection) {
    guard !Task.isCancelled else { return }
    var appends: [AppendRequest] = []
    prepare(request, id, from: connection, planner, &appends)
    append(&appends)
  }

  private var planner: ProducePlanner {
    ProducePlanner(topics: topics, producerIDs: producerIDs, nowMs: clock.nowMs())
  }

  private func append(_ appends: inout [AppendRequest]) {
    guard !appends.isEmpty else { return }
    store.append(appends, fence: .local)
    appends = []
  }

  private func prepare(
    _ request: ProduceRequest, _ id: CallID, from connection: any CallConnection, _ planner: ProducePlanner,
    _ appends: inout [AppendRequest]
  ) {
    let plan = planner.plan(request)
    if request.acks == .none { connection.respond(.message(ByteBuffer()), to: id) }
    let isAnswered = request.acks == .none
    guard !plan.parts.isEmpty else {
      if !isAnswered { connection.respond(Response(plan.response([])), to: id) }
      return
    }
    // The completion may wait for the disk: it is not to keep the records, too.
    let outline = ProducePlan(parts: [], targets: plan.targets)
    appends.append(
      AppendRequest(parts: plan.parts, durability: durability(request, plan)) { outcomes in
        if !isAnswered { connection.respond(Response(outline.response(outcomes)), to: id) }
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

extension ProduceRequest {
  fileprivate var hasCompressedBatch: Bool {
    targets.contains { target in
      target.batches.contains { BatchAttributes(rawValue: $0.attributes).compression != Compression.none }
    }
  }
}
