import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import TailraceBroker
import TailraceGroups
import TailraceStorage
import TailraceTransport
import TailraceWire

/// Store, broker and transport, joined, and stopped in the right order.
struct BrokerService: Service {
  struct Configuration: Sendable {
    var server: ServerConfiguration
    var storage: LocalLogStore.Options
    /// What calls in flight have to finish when the service is stopped.
    var drain: Duration
    /// The broker's layer of topics' configuration.
    var topicDefaults = TopicDefaults.none
    var groupLimits = GroupLimits()
  }

  let address: SocketAddressText
  private let server: Server
  private let broker: Broker
  private let drain: Duration
  private let logger: Logger
  /// Called once `run` has begun.
  var onServing: @Sendable () -> Void = {}

  /// Opens the directory, recovers, and listens.
  static func start(
    _ configuration: Configuration, dataDirectory: String, logger: Logger
  ) async throws -> BrokerService {
    let startedAt = NIODeadline.now()
    try makeDirectory(dataDirectory)
    let store = try LocalLogStore(
      directory: dataDirectory, logger: logger, options: configuration.storage)
    do {
      return try await start(configuration, over: store, startedAt: startedAt, logger: logger)
    } catch {
      // What was closed cleanly is to stay so where the broker does not come up.
      do { try await store.close() } catch let closing {
        logger.warning("the data directory was not closed cleanly", metadata: ["error": "\(closing)"])
      }
      throw error
    }
  }

  private static func start(
    _ configuration: Configuration, over store: LocalLogStore, startedAt: NIODeadline, logger: Logger
  ) async throws -> BrokerService {
    let info = BrokerInfo(
      version: Version.current, clusterID: TopicID(hexadecimal: store.clusterID)?.bytes ?? ByteBuffer(),
      limits: limits(configuration.server), startedAt: startedAt)
    let broker = try await Broker(
      store: store, clock: SystemClock(), groupClock: SteadyClock(), info: info,
      topicDefaults: configuration.topicDefaults, groupLimits: configuration.groupLimits, logger: logger)
    store.logStart(milliseconds: (NIODeadline.now() - startedAt).nanoseconds / 1_000_000)
    try await broker.registry.dropLeftovers(try await store.topicsOnDisk().map { ($0.topicName, $0.topic) })
    let server = try await Server.bind(
      configuration.server, dispatcher: broker.dispatcher, logger: logger, onDrain: { broker.drain() })
    return BrokerService(
      address: SocketAddressText(server.boundAddress), server: server, broker: broker, drain: configuration.drain,
      logger: logger)
  }

  func run() async throws {
    onServing()
    let time = Task { [broker] in await broker.keepTime() }
    defer { time.cancel() }
    try await withGracefulShutdownHandler {
      try await server.run()
    } onGracefulShutdown: {
      Task { await server.shutdown(grace: drain) }
    }
    try await broker.close()
    logger.info("stopped cleanly")
  }

  /// Makes the directory and those above it.
  private static func makeDirectory(_ path: String) throws(CommandFailure) {
    guard mkdir(path, 0o755) != 0 else { return }
    let error = SystemError.last
    switch error.code {
    case EEXIST:
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw CommandFailure("data directory '\(path)' is not a directory", exitCode: ExitStatus.usage)
      }
    case ENOENT where path.contains("/"):
      let parent = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
      guard !parent.isEmpty else { fallthrough }
      try makeDirectory(String(parent))
      guard mkdir(path, 0o755) == 0 else { fallthrough }
    default:
      throw CommandFailure(
        "cannot make the data directory '\(path)': \(error); choose another with --data-dir", exitCode: ExitStatus.usage
      )
    }
  }

  private static func limits(_ configuration: ServerConfiguration) -> Limits {
    let connection = configuration.connection
    return Limits(
      maxFrameBytes: UInt32(clamping: connection.frame.maxFrameBytes),
      maxHeaderBytes: UInt32(clamping: connection.frame.maxHeaderBytes),
      maxCallsInFlight: UInt32(clamping: connection.maxCallsInFlight),
      maxBytesInFlight: UInt64(clamping: connection.maxBytesInFlight),
      maxNestingDepth: DecodeLimits.default.maxDepth,
      idleTimeoutMs: UInt64(clamping: connection.idleTimeout.nanoseconds / 1_000_000),
      maxBatchBytes: UInt32(
        clamping: min(TopicConfig.maxBatchBytesCeiling, connection.frame.maxFrameBytes - (64 << 10))),
      maxPartitionsPerTopic: TopicRegistry.maxPartitions,
      maxConnections: UInt32(clamping: configuration.process.maxConnections))
  }
}

/// "127.0.0.1:7171" or "[::1]:7171".
struct SocketAddressText: CustomStringConvertible, Sendable {
  let description: String

  init(_ address: SocketAddress) {
    let host = address.ipAddress ?? "?"
    let port = address.port.map(String.init) ?? "?"
    description = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
