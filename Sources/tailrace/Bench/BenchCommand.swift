import ArgumentParser
import Foundation
import TailraceClient
import TailraceWire

/// `tailrace bench`: measures a broker, beside plain C programs that do the least that the same work takes.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure the broker against what the machine can do.",
    discussion: """
      Each benchmark starts a broker of its own on a temporary directory. All but latency and end-to-end measure in \
      turn a plain C program that does the least that the same work takes, and print the ratio of the medians. All of \
      it shares this machine with the load.
      """,
    subcommands: [
      BenchRPC.self, BenchProduce.self, BenchLatency.self, BenchFetch.self, BenchEndToEnd.self, BenchSDK.self,
    ])
}

extension BenchOutput: ExpressibleByArgument {}

/// What all benchmarks take.
struct BenchOptions: ParsableArguments {
  @Option(help: "Seconds that are counted, of each round.")
  var seconds: Double = 2

  @Option(help: "Seconds before those, not counted.")
  var warmUp: Double = 0.5

  @Option(help: "Rounds; broker and reference take turns, and medians are compared.")
  var rounds: Int = 5

  @Option(help: "Where temporary data goes.")
  var directory: String = NSTemporaryDirectory()

  @Option(help: "text or json: one object per measurement.")
  var output: BenchOutput = .text

  func validate() throws {
    guard seconds > 0, seconds <= 600, warmUp >= 0, warmUp <= 60, (1...100).contains(rounds) else {
      throw ValidationError("--seconds is up to 600, --warm-up up to 60, --rounds 1 to 100")
    }
  }

  /// Runs `body` with a new directory, which is removed afterwards.
  func withTemporaryDirectory<R>(_ body: (String) async throws -> R) async throws -> R {
    let path = directory + "/tailrace-bench-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
  }

  /// Runs `body` with a broker of its own; `flags`: more of `serve`.
  func withBroker<R>(_ flags: [String] = [], _ body: (BenchTarget) async throws -> R) async throws -> R {
    try await withTemporaryDirectory { path in
      let broker = try BenchProcess(
        ["serve", "--data-dir", path, "--listen", "127.0.0.1:0", "--log-level", "error"] + flags)
      defer { broker.stop() }
      return try await body(broker.target)
    }
  }
}

/// An open loop's pace.
struct BenchRate: ParsableArguments {
  @Option(parsing: .unconditional, help: "Records per second, due whether or not those before are acknowledged.")
  var rate: Double = 5_000

  func validate() throws {
    guard (1...1_000_000).contains(rate) else { throw ValidationError("--rate is \(rate); it is 1 to 1000000") }
  }

  /// As settings have it.
  var text: String { String(format: "%.10g", rate) }

  /// Checks that all latencies of a run can be kept, and that it does not fill the disk.
  func validate(_ options: BenchOptions, recordSize: Int) throws {
    guard rate * options.seconds <= Double(LoadResult.latencyCapacity) else {
      throw ValidationError("--rate times --seconds is up to \(LoadResult.latencyCapacity)")
    }
    guard rate * (options.warmUp + options.seconds) * Double(recordSize + 256) <= Double(2 << 30) else {
      throw ValidationError("--rate, --seconds and --record-size make more than 2 GiB")
    }
  }
}
