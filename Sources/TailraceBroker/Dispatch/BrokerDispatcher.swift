internal import NIOCore
internal import TailraceStorage
package import TailraceWire

/// Gives each call to its handler: Produce, Fetch, Heartbeat, CommitOffset and Ping run on the event
/// loop, the rest off it, in turn.
package struct BrokerDispatcher: RequestDispatcher {
  private let produce: ProduceHandler
  private let fetch: FetchHandler
  let subscribe: SubscribeHandler
  private let purgatory: FetchPurgatory
  /// Calls that keep a core busy: fewer at a time than there are threads for tasks.
  private let heavyCalls: CallQueue
  /// Calls that mostly wait for storage.
  private let controlCalls: CallQueue
  private let log: LogHandlers
  private let admin: AdminHandlers
  private let group: GroupHandlers
  private let groupHotPath: GroupHotPath

  init(
    topics: TopicTable, producers: ProducerRegistry, store: any LogStore, clock: any WallClock,
    purgatory: FetchPurgatory, admin: AdminHandlers, groups: GroupCoordinator
  ) throws(StorageError) {
    let executor = try CallExecutor(threadCount: System.coreCount)
    heavyCalls = CallQueue(maxRunning: System.coreCount / 2, maxRunningPerConnection: 1, executor: executor)
    controlCalls = CallQueue(maxRunning: 16, maxRunningPerConnection: 4, executor: executor)
    produce = ProduceHandler(
      topics: topics, producerIDs: producers.ids, store: store, clock: clock, queue: heavyCalls)
    fetch = FetchHandler(topics: topics, store: store, purgatory: purgatory, queue: heavyCalls)
    subscribe = SubscribeHandler(topics: topics, store: store, purgatory: purgatory, queue: heavyCalls)
    self.purgatory = purgatory
    log = LogHandlers(topics: topics, store: store, producers: producers)
    self.admin = admin
    group = GroupHandlers(coordinator: groups, topics: topics, store: store)
    groupHotPath = GroupHotPath(coordinator: groups)
  }

  package func dispatch(_ offers: [CallOffer]) {
    // What is produced in one turn is appended together, at the latest before anybody may look for it.
    var appends = produce.makeAppends()
    for offer in offers { dispatch(offer.calls, from: offer.connection, &appends) }
    produce.append(&appends)
  }

  private func dispatch(
    _ calls: InboundCalls, from connection: any CallConnection, _ appends: inout ProduceHandler.Appends
  ) {
    while connection.acceptsCalls, !heavyCalls.isFull(for: connection), !controlCalls.isFull(for: connection),
      let call = calls.popFirst()
    {
      switch call.method {
      case .logServiceProduce: produce.handle(call, from: connection, &appends)
      case .adminServicePing: connection.respond(PingHandler.answer(call), to: call.id)
      case .logServiceFetch:
        produce.append(&appends)
        fetch.handle(call, from: connection)
      case .logServiceSubscribe:
        produce.append(&appends)
        subscribe.handle(call, from: connection)
      case .groupServiceHeartbeat, .groupServiceCommitOffset: consume(call, from: connection)
      default:
        produce.append(&appends)
        answerInTask(call, from: connection)
      }
    }
  }

  /// A heartbeat or a commit. What comes behind a heavy one of the same connection stays behind it: else an older offset
  /// would take a newer one's place.
  private func consume(_ call: InboundCall, from connection: any CallConnection) {
    let isHeartbeat = call.method == .groupServiceHeartbeat
    let handle = isHeartbeat ? groupHotPath.heartbeat : groupHotPath.commit
    let isHeavy = isHeartbeat ? CallWeight.isHeavyHeartbeat(call.message) : CallWeight.isHeavyCommit(call.message)
    if !isHeavy, !heavyCalls.isBusy(with: connection) {
      // A commit that is not refused is answered once it is on disk.
      if !isHeartbeat { connection.expectAnswer() }
      handle(call, connection)
    } else {
      heavyCalls.add(call, from: connection) { handle($0, connection) }
    }
  }

  package func creditGranted(to call: CallID, on connection: any CallConnection) {
    subscribe.creditGranted(to: call, on: connection)
  }

  package func abandon(_ call: CallID, from connection: any CallConnection) {
    subscribe.abandon(call, of: connection)
    purgatory.abandon(call, of: connection)
    groupHotPath.abandon(call, of: connection)
    heavyCalls.abandon(call, of: connection)
    controlCalls.abandon(call, of: connection)
  }

  package func inputEnded(on connection: any CallConnection) {
    subscribe.inputEnded(on: connection)
    purgatory.hurryAll(of: connection)
    groupHotPath.inputEnded(on: connection)
  }

  package func connectionClosed(_ connection: any CallConnection) {
    subscribe.abandonAll(of: connection)
    purgatory.abandonAll(of: connection)
    groupHotPath.abandonAll(of: connection)
    heavyCalls.abandonAll(of: connection)
    controlCalls.abandonAll(of: connection)
  }

  private func answerInTask(_ call: InboundCall, from connection: any CallConnection) {
    let context = call.context(on: connection)
    controlCalls.add(call, from: connection) { call in
      connection.respond(Response(await answer(call, context)), to: call.id)
    }
  }

  private func answer(_ call: InboundCall, _ context: CallContext) async -> Result<ByteBuffer, RPCError> {
    do throws(RPCError) {
      switch call.method.serviceName {
      case RPCMethod.adminServicePing.serviceName:
        return .success(try await admin.handle(call.method, call.message, context))
      case RPCMethod.logServiceFetch.serviceName:
        return .success(try await log.handle(call.method, call.message, context))
      default:
        return .success(try await group.handle(call.method, call.message, context))
      }
    } catch { return .failure(error) }
  }
}
