public import Logging
internal import NIOCore
internal import Synchronization
package import TailraceBroker
public import TailraceClient
package import TailraceStorage
package import TailraceTransport
package import TailraceWire

/// A broker in this process, on a free port and a directory of its own. Made by `withBroker`. Thread-safe.
public final class TestBroker: Sendable {
  /// How a test broker is made.
  public struct Options: Sendable {
    package var clock: any WallClock = SystemClock()
    package var fetchLimits = FetchPurgatory.Limits()
    /// As `serve --topic-default` gives them.
    package var topicDefaults = TopicDefaults.none
    /// `port` 0 is any free one, and stays the same when the broker is started again.
    package var server = ServerConfiguration(port: 0, eventLoopCount: 1)
    /// Where broker and `client` log; nowhere unless a logger is given.
    public var logger = Logger(label: "tailrace-test") { _ in SwiftLogNoOpLogHandler() }
    /// Stands between broker and store: to count, to delay, to fail.
    package var wrapStore: @Sendable (any LogStore) -> any LogStore = { $0 }

    /// The standard ones.
    public init() {}
  }

  private struct Parts {
    var directory: TemporaryDirectory
    var store: LocalLogStore
    var broker: Broker
    var server: Server
    var connection: Connection
    var time: Task<Void, Never>
  }

  /// "127.0.0.1:49152": for clients of your own, and for programs that are tested as a whole. Stays the same when the
  /// broker is started again.
  public let address: String
  /// A client of this broker: it connects when it is first used, and anew when the broker was started again. It is closed
  /// with the broker. A call has five minutes, as the other tests may keep the processors busy.
  public let client: Client

  private let options: Options
  private let reservation: ReservedPort?
  private let parts: Mutex<Parts>

  fileprivate init(_ options: Options) async throws {
    var options = options
    reservation = options.server.port == 0 && options.server.host == "127.0.0.1" ? try ReservedPort() : nil
    if let reservation { options.server.port = reservation.port }
    let parts = try await Self.start(options, in: try TemporaryDirectory())
    address = "\(options.server.host):\(parts.server.boundAddress.port ?? 0)"
    var configuration = ClientConfiguration(server: address, logger: options.logger)
    configuration.callTimeout = .seconds(300)
    client = try Client(configuration)
    self.options = options
    self.parts = Mutex(parts)
  }

  /// The data directory as it is used now.
  package var directory: TemporaryDirectory { parts.withLock { $0.directory } }

  package var logger: Logger { options.logger }

  package var store: LocalLogStore { parts.withLock { $0.store } }

  package var broker: Broker { parts.withLock { $0.broker } }

  /// What the server hands calls to, to be driven without a socket: see `FakeCallConnection`.
  package var dispatcher: any RequestDispatcher { broker.dispatcher }

  package var server: Server { parts.withLock { $0.server } }

  /// Always a loopback address.
  package var host: String { options.server.host }

  package var port: Int { server.boundAddress.port ?? 0 }

  /// A connection that is there from the start; it is closed with the broker.
  package var connection: Connection { parts.withLock { $0.connection } }

  /// Another connection, the caller's to close.
  package func connect() async throws(RPCError) -> Connection {
    try await Connection.connect(host: host, port: port)
  }

  /// Makes one typed call over `connection`.
  package func call<Answer: WireMessage>(
    _ method: RPCMethod, _ request: some WireMessage, as type: Answer.Type
  ) async throws -> Answer {
    try Response.message(try await connection.call(method, try request.encoded(), CallOptions())).decoded(as: type)
  }

  /// Stops in order, then starts again on what that left, at the same address. Connections are lost; `client` makes a new
  /// one by itself.
  public func restart() async throws {
    try await replace { parts in
      try await Self.stop(parts)
      return try parts.directory.copy()
    }
  }

  /// Cuts all connections, then starts again on what a kill of the process would have left at that moment: nothing that
  /// was acknowledged is missing, but nothing was finished either.
  public func crash() async throws {
    try await replace { parts in
      // Whatever is acknowledged was there before the copy.
      await Self.disconnect(parts, grace: .zero)
      let copy = try parts.directory.copy()
      try await parts.broker.close()
      return copy
    }
  }

  /// The new broker always works on a copy: whoever still refers to the old store holds the lock of its directory.
  private func replace(_ end: (Parts) async throws -> TemporaryDirectory) async throws {
    let next = try await Self.start(options, in: try await end(parts.withLock { $0 }))
    parts.withLock { $0 = next }
  }

  fileprivate func stop() async {
    await client.close()
    // Stopped before where a restart failed half-way: then there is nothing left to close.
    try? await Self.stop(parts.withLock { $0 })
  }

  // The same steps, in the same order, as `tailrace serve` takes.

  private static func start(_ options: Options, in directory: TemporaryDirectory) async throws -> Parts {
    let store = try LocalLogStore(directory: directory.path, clock: options.clock, logger: options.logger)
    do {
      let broker = try await Broker(
        store: options.wrapStore(store), clock: options.clock, info: .testing(store.clusterID),
        topicDefaults: options.topicDefaults, fetchLimits: options.fetchLimits, logger: options.logger)
      try await broker.registry.dropLeftovers(try await store.topicsOnDisk().map { ($0.topicName, $0.topic) })
      let server = try await Server.bind(
        options.server, dispatcher: broker.dispatcher, logger: options.logger, onDrain: { broker.drain() })
      do {
        let connection = try await Connection.connect(
          host: options.server.host, port: server.boundAddress.port ?? 0)
        return Parts(
          directory: directory, store: store, broker: broker, server: server, connection: connection,
          time: Task { await broker.keepTime() })
      } catch {
        await server.shutdown(grace: .zero)
        throw error
      }
    } catch {
      try? await store.close()
      throw error
    }
  }

  private static func stop(_ parts: Parts) async throws {
    await disconnect(parts, grace: .seconds(5))
    try await parts.broker.close()
  }

  private static func disconnect(_ parts: Parts, grace: Duration) async {
    parts.time.cancel()
    await parts.connection.close()
    await parts.server.shutdown(grace: grace)
  }
}

/// Runs `body` with a broker in this process, on a free port of the loopback address and in a temporary directory. It is
/// stopped, and its data removed, when `body` ends in whatever way. Any number may run at a time.
///
/// Knows no test framework; what `body` throws is thrown on.
@discardableResult public func withBroker<Value: Sendable>(
  _ options: TestBroker.Options = TestBroker.Options(), _ body: (TestBroker) async throws -> Value
) async throws -> Value {
  let broker = try await TestBroker(options)
  do {
    let value = try await body(broker)
    await broker.stop()
    return value
  } catch {
    await broker.stop()
    throw error
  }
}

extension Broker {
  /// A broker over any store, without a server: for tests that drive its dispatcher. Logs nothing.
  package static func testing(
    over store: any LogStore, clock: any WallClock, topicDefaults: TopicDefaults = .none,
    fetchLimits: FetchPurgatory.Limits = FetchPurgatory.Limits()
  ) async throws(RPCError) -> Broker {
    try await Broker(
      store: store, clock: clock, info: .testing(""), topicDefaults: topicDefaults, fetchLimits: fetchLimits,
      logger: Logger(label: "tailrace-test") { _ in SwiftLogNoOpLogHandler() })
  }
}

extension BrokerInfo {
  fileprivate static func testing(_ clusterID: String) -> BrokerInfo {
    BrokerInfo(
      version: "test", clusterID: TopicID(hexadecimal: clusterID)?.bytes ?? ByteBuffer(),
      limits: Limits(
        maxFrameBytes: UInt32(clamping: FrameLimits.default.maxFrameBytes),
        maxBatchBytes: UInt32(clamping: TopicConfig.maxBatchBytesCeiling),
        maxPartitionsPerTopic: TopicRegistry.maxPartitions),
      startedAt: .now())
  }
}
