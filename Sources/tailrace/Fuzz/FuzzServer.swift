import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TailraceClient
import TailraceWire

/// `tailrace fuzz server`: strangers at a broker, while a client that behaves must not notice.
struct FuzzServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server", abstract: "Throw misbehaving connections at a broker of its own.",
    discussion: """
      Exits with 1 where the broker dies, a well-behaved client sees an error, a wrong byte or a late answer, memory \
      passes its bound, data is lost, or the broker does not stop cleanly.
      """)

  @Option(help: "Connections that misbehave.")
  var iterations: UInt64 = 4_000

  @Option(help: "Number of the first of them.")
  var first: UInt64 = 0

  @Option(help: "Where random numbers begin; drawn where it is not given.")
  var seed: UInt64?

  @Option(help: "Milliseconds that a call of the client that behaves may take.")
  var maxLatencyMs: Int = 5_000

  @Option(help: "Mebibytes of the broker's memory budget.")
  var memoryBudgetMib: Int = 64

  @Option(help: "Mebibytes that the broker may ever have resident.")
  var maxResidentMib: Int = 384

  @Option(help: "Where temporary data goes.")
  var directory: String = NSTemporaryDirectory()

  func validate() throws {
    guard iterations > 0, !first.addingReportingOverflow(iterations).overflow, (1...600_000).contains(maxLatencyMs),
      (16...65_536).contains(memoryBudgetMib), (1...65_536).contains(maxResidentMib)
    else {
      throw ValidationError(
        "--iterations is above 0, --max-latency-ms 1 to 600000, --memory-budget-mib 16 to 65536,"
          + " --max-resident-mib 1 to 65536")
    }
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 0...UInt64.max)
    let command = "fuzz server --seed \(seed) --first \(first) --iterations \(iterations)"
    StandardError.write("\(command)\n")
    let path = directory + "/tailrace-fuzz-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    do {
      try await fuzz(seed: seed, path: path)
      try? FileManager.default.removeItem(atPath: path)
    } catch {
      StandardError.write("fuzz server: FAILED: \(error)\n  rerun: tailrace \(command)\n  data: \(path)\n")
      throw ExitCode(1)
    }
  }

  private func fuzz(seed: UInt64, path: String) async throws {
    let start = ContinuousClock.now
    let broker = try FuzzBroker(directory: path, memoryBudgetMib: memoryBudgetMib)
    var regular = try await client(of: broker)
    try await regular.createTopics()
    let crowd = FuzzCrowd(
      script: FuzzStrangerScript(seed: seed), port: broker.port, first: first, count: iterations)
    regular = try await serve(regular, beside: crowd, processID: broker.processID)
    guard broker.isRunning else { throw FuzzFailure("the broker is gone") }
    try await regular.describe()
    try await regular.checkAll()
    report(crowd, regular, seconds: (ContinuousClock.now - start).fuzzSeconds)
    try checkMemory(broker)
    try await broker.stop()
    print("stopped cleanly")
    try await checkReopened(path: path, recordCount: regular.recordCount)
  }

  private func client(of broker: FuzzBroker, recordCount: Int64 = 0) async throws -> FuzzRegular {
    let connection = try await Connection.connect(
      host: "127.0.0.1", port: Int(broker.port), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    return FuzzRegular(
      connection: connection, maxLatency: .milliseconds(maxLatencyMs), recordCount: recordCount)
  }

  /// Lets the client work for as long as strangers come.
  private func serve(
    _ regular: FuzzRegular, beside crowd: FuzzCrowd, processID: Int32
  ) async throws -> FuzzRegular {
    let isOver = Mutex(false)
    var regular = regular
    async let crowdIsGone: Void = {
      await crowd.run { kill(processID, 0) == 0 && !isOver.withLock { $0 } }
      isOver.withLock { $0 = true }
    }()
    do {
      repeat { try await regular.step() } while !isOver.withLock({ $0 })
    } catch {
      isOver.withLock { $0 = true }
      await crowdIsGone
      throw error
    }
    await crowdIsGone
    return regular
  }

  private func checkMemory(_ broker: FuzzBroker) throws {
    let memory = FuzzMemory.now(processID: broker.processID)
    print(
      "the broker's resident memory: \(mebibytes(memory.resident)), at most \(mebibytes(memory.peakResident));"
        + " the bound is \(maxResidentMib) MiB")
    guard memory.peakResident <= maxResidentMib << 20 else { throw FuzzFailure("the broker took too much memory") }
  }

  /// A broker that is started anew finds all that was acked.
  private func checkReopened(path: String, recordCount: Int64) async throws {
    let broker = try FuzzBroker(directory: path, memoryBudgetMib: memoryBudgetMib)
    var regular = try await client(of: broker, recordCount: recordCount)
    try await regular.checkAll()
    try await broker.stop()
    print("started anew: all \(recordCount) records are there")
  }

  private func report(_ crowd: FuzzCrowd, _ regular: FuzzRegular, seconds: Double) {
    print("strangers: \(iterations) in \(String(format: "%.1f", seconds)) s")
    let results = crowd.results
    for kind in StrangerKind.allCases {
      guard let tally = results[kind] else { continue }
      print(
        "  \(kind): \(tally.strangers), \(tally.notConnected) not connected, \(tally.answers) calls answered,"
          + " \(tally.failures) failed, \(tally.refusals) connections refused, \(tally.closed) closed,"
          + " \(tally.malformed) malformed")
    }
    let slowest = String(format: "%.1f", regular.slowest.fuzzSeconds * 1_000)
    print("the client that behaves: \(regular.calls) calls, \(regular.recordCount) records, slowest \(slowest) ms")
  }
}
