internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Answers LogService/Fetch, on the connection's event loop unless there are many targets; what has to wait goes to the
/// purgatory.
struct FetchHandler: Sendable {
  let topics: TopicTable
  let store: any LogStore
  let purgatory: FetchPurgatory
  let queue: CallQueue

  /// Records are taken out of more bytes than this off the event loop.
  private static let inlineDecodeBytes = 32 << 10

  func handle(_ call: InboundCall, from connection: any CallConnection) {
    if let single = SingleFetch(scanning: call.message),
      let tail = TailFetch(single, topics: topics, door: connection.door)
    {
      switch tail.attempt(from: store, call.id, connection) {
      case .done: return
      case .tooLittle(let result): return park(tail, after: tail.seen(result), call.id, connection)
      case .notAtOnce: break
      }
    }
    guard CallWeight.isHeavyFetch(call.message) else {
      read(call, from: connection)
      return
    }
    queue.add(call, from: connection) { read($0, from: connection) }
  }

  private func read(_ call: InboundCall, from connection: any CallConnection) {
    let plan: FetchPlan
    do throws(RPCError) {
      plan = try FetchPlan(try call.decoded(as: FetchRequest.self), topics: topics, door: connection.door)
    } catch {
      connection.respond(.failure(error), to: call.id)
      return
    }
    let id = call.id
    store.read(plan.reads, maxBytes: plan.bounds.maxBytes, form: .chunks) { outcomes in
      if plan.isSatisfied(by: outcomes) {
        respond(outcomes, plan, id, connection)
      } else if connection.eventLoop.inEventLoop {
        park(outcomes, plan, id, connection)
      } else {
        connection.eventLoop.execute { park(outcomes, plan, id, connection) }
      }
    }
  }

  private func park(_ outcomes: [ReadOutcome], _ plan: FetchPlan, _ id: CallID, _ connection: any CallConnection) {
    // The read took a while on another thread, perhaps.
    guard connection.isInFlight(id) else { return }
    let fetch = ParkedFetch(plan.demand, call: id, connection: connection) { respond($0, plan, id, connection) }
    park(fetch, after: FetchPurgatory.Seen(outcomes, plan.demand))
  }

  private func park(
    _ tail: TailFetch, after seen: FetchPurgatory.Seen, _ id: CallID, _ connection: any CallConnection
  ) {
    let fetch = ParkedFetch(tail.demand, tail, call: id, connection: connection) {
      respond($0, tail.plan, id, connection)
    }
    park(fetch, after: seen)
  }

  private func park(_ fetch: ParkedFetch, after seen: FetchPurgatory.Seen) {
    do throws(RPCError) {
      try purgatory.park(fetch, after: seen)
    } catch { fetch.connection.respond(.failure(error), to: fetch.key.call) }
  }

  private func respond(_ outcomes: [ReadOutcome], _ plan: FetchPlan, _ id: CallID, _ connection: any CallConnection) {
    let builder = FetchResponseBuilder(plan: plan)
    guard plan.decode else {
      connection.respond(builder.batches(outcomes), to: id)
      return
    }
    if isDecodedInline(outcomes) {
      connection.respond(builder.records(outcomes), to: id)
    } else {
      queue.add(
        CallQueue.Job(call: id, connection: connection, byteCount: plan.byteCount) {
          await decode(plan, id, connection)
        })
    }
  }

  /// Reads anew, now in memory: what waits in the queue holds no data.
  private func decode(_ plan: FetchPlan, _ id: CallID, _ connection: any CallConnection) async {
    let outcomes = await withCheckedContinuation { continuation in
      store.read(plan.reads, maxBytes: plan.bounds.maxBytes, form: .bytes) { continuation.resume(returning: $0) }
    }
    guard !Task.isCancelled else { return }
    connection.respond(FetchResponseBuilder(plan: plan).records(outcomes), to: id)
  }

  /// Whether all there is to decode is little, in memory, and nothing of it compressed.
  private func isDecodedInline(_ outcomes: [ReadOutcome]) -> Bool {
    var byteCount = 0
    for case .read(let result) in outcomes {
      byteCount += result.byteCount
      guard byteCount <= Self.inlineDecodeBytes, result.isUncompressed else { return false }
    }
    return true
  }
}
