#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
package import Logging
package import NIOCore
internal import NIOPosix
internal import Synchronization
package import TailraceWire

/// A listening port and the connections that came through it.
///
/// `bind` it, then `run` it until `shutdown`. Thread-safe. A server that was bound must be shut down.
package final class Server: Sendable {
  /// Where it listens; with port 0 configured, the port that was free.
  package let boundAddress: SocketAddress
  /// What its connections hold at the moment.
  package let budget: MemoryBudget

  private let group: MultiThreadedEventLoopGroup
  private let listener: any Channel
  private let registry: ConnectionRegistry
  private let drainTimeout: Duration
  private let logger: Logger
  private let onDrain: @Sendable () async -> Void
  private let stopped: EventLoopPromise<Void>
  private let isStopping = Atomic<Bool>(false)

  private init(
    group: MultiThreadedEventLoopGroup, listener: any Channel, boundAddress: SocketAddress,
    registry: ConnectionRegistry, budget: MemoryBudget, drainTimeout: Duration, logger: Logger,
    onDrain: @escaping @Sendable () async -> Void
  ) {
    self.group = group
    self.listener = listener
    self.boundAddress = boundAddress
    self.registry = registry
    self.budget = budget
    self.drainTimeout = drainTimeout
    self.logger = logger
    self.onDrain = onDrain
    self.stopped = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Void.self)
  }

  /// Connections open at the moment, those that have not said yet what they speak included.
  package var connectionCount: Int { registry.count }

  /// Connections beyond the limit that are being told so; each for `lingerTimeout` at most.
  package var refusedConnectionCount: Int { registry.refusedCount }

  /// Listens, and takes connections at once. Throws where it cannot listen, or where the configuration makes no sense.
  ///
  /// - Parameters:
  ///   - dispatcher: Gets the calls, on the connections' event loops.
  ///   - onDrain: Called when a shutdown begins, after new calls are refused: the place to answer parked calls early.
  package static func bind(
    _ configuration: ServerConfiguration, dispatcher: any RequestDispatcher, logger: Logger,
    onDrain: @escaping @Sendable () async -> Void = {}
  ) async throws(ServerError) -> Server {
    do throws(ConfigurationError) {
      try configuration.validate()
    } catch {
      throw ServerError(error.message)
    }
    let threads = configuration.eventLoopCount ?? System.coreCount
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    for loop in group.makeIterator() { loop.execute { ThreadSlices.preferShort() } }
    let registry = ConnectionRegistry(
      maxConnections: configuration.process.maxConnections,
      maxRefusedConnections: configuration.process.maxRefusedConnections)
    let budget = MemoryBudget(limitBytes: configuration.process.memoryBudgetBytes)
    let environment = ConnectionEnvironment(
      dispatcher: dispatcher, limits: configuration.connection, budget: budget, logger: logger,
      additionalServices: configuration.additionalServices)
    do {
      let acceptor = Acceptor(
        environment: environment, registry: registry,
        turns: try await LoopTurns(group, dispatcher, limits: configuration.process),
        pairing: LoopPairing(group))
      let listener = try await acceptor.bootstrap(group).bind(host: configuration.host, port: configuration.port).get()
      guard let address = listener.localAddress else {
        throw ServerError("the listening socket has no address")
      }
      logger.info("listening", metadata: [LogKey.address: "\(peerName(address))"])
      return Server(
        group: group, listener: listener, boundAddress: address, registry: registry, budget: budget,
        drainTimeout: .nanoseconds(configuration.process.drainTimeout.nanoseconds), logger: logger, onDrain: onDrain)
    } catch {
      try? await group.shutdownGracefully()
      throw ServerError("cannot listen on \(configuration.host):\(configuration.port): \(reason(error))")
    }
  }

  /// Returns when the server has been shut down. Where the task is cancelled, it is, without grace.
  package func run() async throws {
    await withTaskCancellationHandler {
      try? await stopped.futureResult.get()
    } onCancel: {
      Task { await self.shutdown(grace: .zero) }
    }
  }

  /// Stops listening, refuses new calls with UNAVAILABLE, waits for those in flight to be answered, and closes.
  /// What is not done after `grace` is cut off. Returns when all is closed; further calls wait for that too.
  ///
  /// - Parameter grace: nil: the configuration's `drainTimeout`.
  package func shutdown(grace: Duration? = nil) async {
    guard !isStopping.exchange(true, ordering: .acquiringAndReleasing) else {
      try? await stopped.futureResult.get()
      return
    }
    logger.info("shutting down", metadata: [LogKey.connections: "\(registry.count)"])
    try? await listener.close()
    let loop = group.next()
    let emptied = loop.makePromise(of: Void.self)
    registry.drain(emptied: emptied)
    // Answers that the hook brings about come behind this, and tell their peers to connect anew.
    for eventLoop in group.makeIterator() { try? await eventLoop.submit {}.get() }
    let registry = registry
    let cutOff = loop.scheduleTask(in: TimeAmount(grace ?? drainTimeout)) { registry.closeAll() }
    async let drained: Void = onDrain()
    try? await emptied.futureResult.get()
    cutOff.cancel()
    await drained
    try? await group.shutdownGracefully()
    stopped.succeed(())
  }
}

/// An error of the system in words, without the noise of its type.
private func reason(_ error: any Error) -> String {
  switch error {
  case let error as IOError: String(cString: strerror(error.errnoCode))
  case let error as ServerError: error.message
  default: "\(error)"
  }
}
