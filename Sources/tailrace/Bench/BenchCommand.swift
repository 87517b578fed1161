import ArgumentParser
import Foundation
import TailraceClient
import TailraceWire

/// `tailrace bench`: measures a broker, beside plain C programs that do the least that the same work takes.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure the broker against what the machine can do.",
    discussion: """
      Each benchmark starts a broker of its own on a temporary directory, and in turn a plain C program that does the \
      least that the same work takes, and prints the ratio of the medians. Both share this machine with the load.
      """,
    subcommands: [BenchRPC.self, BenchProduce.self, BenchFetch.self])
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

  /// Runs `body` with a broker of its own.
  func withBroker<R>(_ body: (BenchTarget) async throws -> R) async throws -> R {
    try await withTemporaryDirectory { path in
      let broker = try BenchProcess(["serve", "--data-dir", path, "--listen", "127.0.0.1:0", "--log-level", "error"])
      defer { broker.stop() }
      return try await body(broker.target)
    }
  }
}
