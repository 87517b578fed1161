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

  private static let answers = BufferPool()

  func handle(_ call: InboundCall, from connection: any CallConnection) {
    if let single = SingleFetch(scanning: call.message), answer(single, call.id, connection) { return }
    guard CallWeight.isHeavyFetch(call.message) else {
      read(call, from: connection)
      return
    }
    queue.add(call, from: connection) { read($0, from: connection) }
  }

  /// One partition that is there, of which enough can be read at once. False for all else, which is looked at in full.
  private func answer(_ fetch: SingleFetch, _ id: CallID, _ connection: any CallConnection) -> Bool {
    guard fetch.maxWaitMs <= FetchPlan.maxWaitCeilingMs, let topic = topics.topic(named: fetch.topic),
      !topic.name.isInternal, fetch.topicID == nil || fetch.topicID == topic.id,
      fetch.partition < topic.partitionCount
    else { return false }
    let bounds = FetchBounds(
      minBytes: fetch.minBytes, maxBytes: fetch.maxBytes, targets: CollectionOfOne(fetch.partitionMaxBytes),
      door: connection.door)
    let target = ReadTarget(
      partition: topic.partition(fetch.partition), offset: Offset(fetch.offset),
      maxBytes: fetch.partitionMaxBytes == 0 ? Int.max : Int(fetch.partitionMaxBytes), lastEpoch: fetch.lastEpoch)
    return Self.answers.withBuffer { answer in
      SingleFetchResponse.begin(&answer)
      guard let result = store.readAtOnce(target, maxBytes: bounds.maxBytes, into: &answer),
        fetch.maxWaitMs == 0 || bounds.counted(result, of: target) >= bounds.minBytes
      else { return false }
      SingleFetchResponse.complete(&answer, result, topic: topic, partition: fetch.partition)
      connection.respond(result.chunks.isEmpty ? .message(answer) : .chunks([.bytes(answer)] + result.chunks), to: id)
      return true
    }
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
    let fetch = ParkedFetch(plan: plan, call: id, connection: connection) { outcomes in
      respond(outcomes, plan, id, connection)
    }
    do throws(RPCError) {
      try purgatory.park(fetch, after: outcomes)
    } catch { connection.respond(.failure(error), to: id) }
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
