import ArgumentParser
import NIOCore
import TailraceWire

/// `tailrace bench rpc`: calls that do nothing, against an epoll echo of the same frames.
struct BenchRPC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc", abstract: "Calls that do nothing (Ping), against a C epoll echo of the same frames.",
    discussion: "Both have two threads.")

  @OptionGroup var options: BenchOptions

  @Option(help: "Connections.")
  var connections: Int = 8

  @Option(help: "Calls in flight on each connection.")
  var depth: Int = 64

  @Option(help: "Bytes of payload.")
  var payload: Int = 0

  func validate() throws {
    guard (1...1_000).contains(connections), (1...1_000).contains(depth), (0...65_536).contains(payload) else {
      throw ValidationError("--connections and --depth are 1 to 1000, --payload is up to 65536")
    }
  }

  func run() async throws {
    var frames = LoadFrames(depth: depth)
    let request = PingRequest(payload: ByteBuffer(repeating: 0x5a, count: payload))
    for _ in 0..<depth { try frames.append(.adminServicePing, request) }
    // As many threads as the echo has.
    try await options.withBroker(["--event-loops", "2"]) { broker in
      let echo = try BenchProcess(["bench-reference", "echo"])
      defer { echo.stop() }
      var rates = Rates()
      for _ in 0..<options.rounds {
        rates.add(
          broker: try measure("rpc", broker, frames), reference: try measure("rpc, C echo", echo.target, frames))
      }
      options.output.print(ratio: rates.ratio, of: "calls/s, broker / C echo")
      options.output.print(ratio: rates.latencyRatio, of: "p50, broker / C echo")
    }
  }

  private func measure(_ name: String, _ target: BenchTarget, _ frames: LoadFrames) throws -> LoadResult {
    let result = try Load(
      target: target, connections: connections, frames: frames, warmUpSeconds: options.warmUp,
      seconds: options.seconds
    ).run()
    options.output.print(
      BenchLine(
        name: name, settings: [("connections", "\(connections)"), ("depth", "\(depth)"), ("payload", "\(payload)")],
        result: result, serverResidentBytes: target.residentBytes))
    return result
  }
}

/// What broker and reference came to, round by round.
struct Rates {
  private var broker: [LoadResult] = []
  private var reference: [LoadResult] = []

  mutating func add(broker: LoadResult, reference: LoadResult) {
    self.broker.append(broker)
    self.reference.append(reference)
  }

  /// Of the medians of calls per second.
  var ratio: Double { median(broker.map(\.callsPerSecond)) / median(reference.map(\.callsPerSecond)) }

  /// Of the medians of the median latencies.
  var latencyRatio: Double {
    median(broker.map { $0.microseconds(50) }) / median(reference.map { $0.microseconds(50) })
  }
}
