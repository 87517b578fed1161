import ArgumentParser
import CTailraceWire
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import TailraceBroker
import TailraceClient
import TailraceStorage
import TailraceTransport
import TailraceWire
import UnixSignals

/// `tailrace serve`: runs the broker until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run the broker.",
    discussion: """
      Says "listening on HOST:PORT" on standard error once it serves. SIGTERM and SIGINT stop it gracefully: calls in \
      flight are finished, everything is brought to disk, and it exits with 0; while it starts, as soon as it serves. \
      \(ExitStatus.help)
      """)

  @Option(
    help: "Where topics are kept; made where it is not there. One broker per directory.", completion: .directory)
  var dataDir: String = "tailrace-data"

  @Option(help: "Address and port to listen on; port 0 is any free one.")
  var listen: String = "127.0.0.1:7171"

  @Option(parsing: .unconditional, help: "Threads that serve connections; 0 is one per core.")
  var eventLoops: Int = 0

  @Option(parsing: .unconditional, help: "Seconds that calls in flight have to finish when the broker is stopped.")
  var drainSeconds: Int = 30

  @Option(
    help: ArgumentHelp(
      "A setting for all topics that do not set it themselves, such as retention_ms=86400000. May be given several times;"
        + " 'tailrace config get' shows what there is.", valueName: "name=value"), completion: .settingNames)
  var topicDefault: [ConfigArgument] = []

  @Option(
    help: "trace, debug, info, notice, warning, error or critical.",
    completion: .list(Logger.Level.allCases.map(\.rawValue)))
  var logLevel: String = "info"

  @OptionGroup(title: "Storage")
  var storage: StorageOptions

  @OptionGroup(title: "Consumer groups")
  var groups: GroupOptions

  @OptionGroup(title: "Limits")
  var limits: LimitOptions

  func validate() throws {
    guard (0...1_024).contains(eventLoops) else {
      throw ValidationError("--event-loops is \(eventLoops); 0 to 1024 are allowed")
    }
    guard (0...3_600).contains(drainSeconds) else {
      throw ValidationError("--drain-seconds is \(drainSeconds); 0 to 3600 are allowed")
    }
    guard Logger.Level(rawValue: logLevel) != nil else {
      throw ValidationError("--log-level '\(logLevel)': there are trace, debug, info, notice, warning, error, critical")
    }
    guard ServerAddress(listen, lowestPort: 0) != nil else {
      throw ValidationError("--listen '\(listen)' is not HOST:PORT, such as 127.0.0.1:7171 or [::1]:7171")
    }
    do throws(RPCError) { _ = try topicDefaults } catch { throw ValidationError("--topic-default: \(error.message)") }
  }

  private var topicDefaults: TopicDefaults {
    get throws(RPCError) { try TopicDefaults(topicDefault.map { ConfigEntry(name: $0.name, value: $0.value) }) }
  }

  func run() async throws {
    trw_tune_allocator()
    let openFiles = FileDescriptorLimit.raise()
    var logger = Logger(label: "tailrace", factory: StreamLogHandler.standardError(label:))
    logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
    var configuration = configuration
    // The rest is for the logs' files: a crowd of connections must not keep the broker from its topics.
    if let openFiles, let share = Int(exactly: openFiles / 8 * 3), configuration.server.process.maxConnections > share {
      configuration.server.process.maxConnections = max(1, share)
      logger.notice(
        "fewer connections than allowed: 3/8 of the files that the process may open; raise 'ulimit -n' for more",
        metadata: ["connections": "\(share)", "files": "\(openFiles)"])
    }
    do {
      configuration.topicDefaults = try topicDefaults
      // From before there is a directory to leave in order. One that comes meanwhile is acted on as soon as it serves.
      let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
      let (stops, isToStop) = AsyncStream.makeStream(of: Void.self)
      let watch = Task { [logger] in
        for await signal in signals {
          logger.info("asked to stop: what is under way is finished first", metadata: ["signal": "\(signal)"])
          isToStop.yield()
        }
      }
      defer { watch.cancel() }
      var service = try await BrokerService.start(configuration, dataDirectory: dataDir, logger: logger)
      let (serving, isServing) = AsyncStream.makeStream(of: Void.self)
      service.onServing = { isServing.finish() }
      let group = ServiceGroup(
        configuration: .init(
          services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
          logger: logger))
      let announcer = Task { [address = service.address] in
        for await _ in serving {}
        StandardError.write("listening on \(address)\n")
        _ = trw_release_start_code()
        for await _ in stops { await group.triggerGracefulShutdown() }
      }
      defer { announcer.cancel() }
      try await group.run()
    } catch {
      let failure = failure(of: error)
      StandardError.write("tailrace: \(failure)\n")
      throw ExitCode(failure.exitCode)
    }
  }

  /// Why the broker did not start, or did not stop cleanly.
  private func failure(of error: any Error) -> CommandFailure {
    switch error {
    case let error as CommandFailure: error
    case let error as RPCError: CommandFailure(error.message, exitCode: ExitStatus.code(of: error.code))
    case let error as StorageError: CommandFailure(error.message, exitCode: ExitStatus.code(of: error.statusCode))
    case let error as ServerError:
      CommandFailure(
        "\(error); is another broker running there? Choose another address with --listen",
        exitCode: ExitStatus.code(of: .unavailable))
    default: CommandFailure("\(error.localizedDescription)", exitCode: ExitStatus.inputOutputFailed)
    }
  }

  private var configuration: BrokerService.Configuration {
    let address = ServerAddress(listen, lowestPort: 0) ?? .standard
    return BrokerService.Configuration(
      server: ServerConfiguration(
        host: address.host, port: address.port, eventLoopCount: eventLoops == 0 ? nil : eventLoops,
        connection: limits.connection, process: limits.process),
      storage: storage.options, drain: .seconds(drainSeconds), groupLimits: groups.limits)
  }
}
