import ArgumentParser
import Foundation

/// `tailrace fuzz kill`: a broker that is killed under load, again and again, and what is in its log in the end.
struct FuzzKill: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", abstract: "Kill a broker of its own under load, and look for what got lost or stored twice.",
    discussion: """
      Producers with an id send to three topics: a durable one, one that is left to the operating system (acks \
      WRITTEN), and a compacted one. SIGKILL comes at random moments of the load and of the start-up. Exits with 1 \
      where a record that was acked is gone, moved or stored twice, offsets are not dense, the broker does not start \
      again, or its files are not in order. The moments depend on the seed; what the broker does in them does not.
      """)

  @Option(help: "How often the broker is killed.")
  var kills: Int = 10

  @Option(help: "Producers, each with a connection of its own.")
  var producers: Int = 3

  @Option(help: "Partitions of each topic.")
  var partitions: UInt32 = 2

  @Option(help: "Where random numbers begin; drawn where it is not given.")
  var seed: UInt64?

  @Option(help: "Seconds that a start may take.")
  var maxStartSeconds: Int = 20

  @Option(help: "Seconds that all may take.")
  var timeout: Int = 900

  @Option(help: "The broker's data directory, empty or not there yet, and kept. Without it: a temporary one.")
  var dataDir: String?

  func validate() throws {
    guard (1...100_000).contains(kills), (1...64).contains(producers), (1...64).contains(partitions),
      (1...600).contains(maxStartSeconds), (1...86_400).contains(timeout)
    else {
      throw ValidationError(
        "--kills is 1 to 100000, --producers and --partitions 1 to 64, --max-start-seconds 1 to 600, --timeout 1 to"
          + " 86400")
    }
    if let dataDir, let names = try? FileManager.default.contentsOfDirectory(atPath: dataDir), !names.isEmpty {
      throw ValidationError("--data-dir '\(dataDir)' is not empty")
    }
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 0...UInt64.max)
    let command = "fuzz kill --kills \(kills) --producers \(producers) --partitions \(partitions) --seed \(seed)"
    StandardError.write("\(command)\n")
    let path = dataDir ?? NSTemporaryDirectory() + "/tailrace-kill-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let keeper = FuzzKillKeeper()
    let interruption = try Interruption()
    let work = start(seed: seed, path: path, keeper)
    interruption.onRequest {
      keeper.end("it was interrupted")
      work.cancel()
    }
    watch(work, keeper)
    let result = await work.result
    // Whatever happened, no process is left behind.
    let reason = keeper.reason
    keeper.end("it is over")
    do {
      try result.get()
      if dataDir == nil { try? FileManager.default.removeItem(atPath: path) }
    } catch {
      StandardError.write(
        "fuzz kill: FAILED: \(reason ?? "\(error)")\n  rerun: tailrace \(command)\n  data: \(path)\n")
      throw ExitCode(interruption.isRequested ? interruption.exitCode : 1)
    }
  }

  private func start(seed: UInt64, path: String, _ keeper: FuzzKillKeeper) -> Task<Void, any Error> {
    let plan = FuzzKillPlan(seed: seed, kills: kills)
    let starter = FuzzKillBroker.Starter(directory: path, limit: .seconds(maxStartSeconds), keeper: keeper)
    let producers = (0..<producers).map { FuzzKillProducer(number: $0, partitions: partitions, seed: seed) }
    return Task {
      var run = FuzzKillRun(plan: plan, starter: starter, partitions: partitions, producers: producers)
      try await run.run()
    }
  }

  /// Ends the work when its time is over, and the process where even that does not help.
  private func watch(_ work: Task<Void, any Error>, _ keeper: FuzzKillKeeper) {
    let timeout = timeout
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(timeout)) {
      keeper.end("not done within \(timeout) s")
      work.cancel()
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(timeout + 20)) {
      StandardError.write("fuzz kill: FAILED: not done within \(timeout) s, and stuck\n")
      _exit(1)
    }
  }
}
