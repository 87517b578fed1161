internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Answers LogService/Produce, on the connection's event loop unless it is heavy. All produce calls of one turn are
/// appended together.
struct ProduceHandler: Sendable {
  let topics: TopicTable
  let producerIDs: ProducerIDs
  let store: any LogStore
  let clock: any WallClock
  /// Where heavy calls go, see `CallWeight`.
  let queue: CallQueue

  /// Targets, records and batches of one call, in sum: there is room for all their results in one response.
  static let maxParts = 300_000

  /// What is to be appended, of any connections, in the order in which it came.
  struct Appends {
    fileprivate let planner: ProducePlanner
    fileprivate var requests: [AppendRequest] = []
    /// The one that was last looked up.
    private var topic: Topic?

    fileprivate init(planner: ProducePlanner) { self.planner = planner }

    fileprivate mutating func topic(named name: String, in topics: TopicTable) -> Topic? {
      if let topic, topic.name.text == name { return topic }
      topic = topics.topic(named: name)
      return topic
    }
  }

  func makeAppends() -> Appends {
    Appends(planner: ProducePlanner(topics: topics, producerIDs: producerIDs, nowMs: clock.nowMs()))
  }

  /// Takes a call: what it appends is added to `appends`.
  func handle(_ call: InboundCall, from connection: any CallConnection, _ appends: inout Appends) {
    guard !queue.isBusy(with: connection), !CallWeight.isLargeProduce(call.message) else {
      enqueue(call, from: connection, &appends)
      return
    }
    if let single = SingleProduce(scanning: call.message), prepare(single, call.id, from: connection, &appends) {
      return
    }
    // With several batches, or records; or odd, such as a batch whose fields are not in the order of their numbers.
    guard !CallWeight.isHeavyProduce(call.message) else {
      enqueue(call, from: connection, &appends)
      return
    }
    do throws(RPCError) {
      let request = try decode(call)
      if CallWeight.areHeavy(request.targets.lazy.flatMap(\.batches)) {
        enqueue(call, from: connection, &appends)
      } else {
        prepare(request, call.id, from: connection, &appends)
      }
    } catch {
      connection.respond(.failure(error), to: call.id)
    }
  }

  /// Has a call run off the event loop: behind what came before, and before what comes behind. The queue runs one call of
  /// a connection at a time, in order.
  private func enqueue(_ call: InboundCall, from connection: any CallConnection, _ appends: inout Appends) {
    append(&appends)
    queue.add(call, from: connection) { call in
      var appends = makeAppends()
      do throws(RPCError) {
        prepare(try decode(call), call.id, from: connection, &appends)
        append(&appends)
      } catch {
        connection.respond(.failure(error), to: call.id)
      }
    }
  }

  /// Appends what there is, and leaves `appends` empty.
  func append(_ appends: inout Appends) {
    guard !appends.requests.isEmpty else { return }
    store.append(appends.requests, fence: .local)
    appends.requests.removeAll(keepingCapacity: true)
  }

  private func prepare(
    _ request: ProduceRequest, _ id: CallID, from connection: any CallConnection, _ appends: inout Appends
  ) {
    let plan = appends.planner.plan(request)
    if request.acks == .none { connection.respond(.message(ByteBuffer()), to: id) }
    let isAnswered = request.acks == .none
    guard !plan.parts.isEmpty else {
      if !isAnswered { connection.respond(Response(plan.response([])), to: id) }
      return
    }
    // The completion may wait for the disk: it is not to keep the records, too.
    let outline = ProducePlan(parts: [], targets: plan.targets)
    appends.requests += AppendRequest.together(plan.parts, durability: durability(request, plan)) { outcomes in
      if !isAnswered { connection.respond(Response(outline.response(outcomes)), to: id) }
    }
  }

  /// One batch that is in order, into a partition that is there. False for all else, of which nothing is done: that is
  /// looked at in full, which finds the words for what is wrong.
  private func prepare(
    _ single: SingleProduce, _ id: CallID, from connection: any CallConnection, _ appends: inout Appends
  ) -> Bool {
    guard single.acks != .none, !CallWeight.isHeavy(single.batch),
      let topic = appends.topic(named: single.topic, in: topics),
      let part = appends.planner.plan(single, of: topic)
    else { return false }
    let isDurable =
      single.acks == .durable || (single.acks == .unspecified && topic.config.log.durability == .durable)
    // Of produces said of such only: those of one record at a time are among them, and they gain most.
    if isDurable { connection.expectAnswer() }
    appends.requests.append(
      AppendRequest(partition: part.partition, batch: part.batch, durability: isDurable ? .durable : .written) {
        connection.respond(Response($0), to: id)
      })
    return true
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
