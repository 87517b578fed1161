import Foundation

/// A broker that is to be killed: this same program, in a process of its own.
final class FuzzKillBroker {
  /// Starts brokers, one at a time, over the same directory.
  struct Starter: Sendable {
    let directory: String
    /// A start may take this long.
    let limit: Duration
    let keeper: FuzzKillKeeper

    /// Starts it and waits until it says where it listens. Throws where it does not.
    func start() throws -> FuzzKillBroker {
      let start = ContinuousClock.now
      guard let server = try launch(killAfter: limit) else {
        throw FuzzFailure("the broker did not start, or not within \(limit)")
      }
      let took = ContinuousClock.now - start
      guard took < limit else { throw FuzzFailure("the broker took \(took) to start; the bound is \(limit)") }
      return FuzzKillBroker(server: server, startedAt: start, startTook: took, keeper: keeper)
    }

    /// Starts it and kills it `milliseconds` later. Returns whether it said before where it listens.
    func startAndKill(afterMs milliseconds: Int) async throws -> Bool {
      guard let server = try launch(killAfter: .milliseconds(milliseconds), isKilled: true) else {
        keeper.release()
        return false
      }
      let broker = FuzzKillBroker(server: server, startedAt: .now, startTook: .zero, keeper: keeper)
      try await broker.waitUntilKilled()
      return true
    }

    /// What it logs is shown; not where it is killed, which it does not log.
    private func launch(killAfter delay: Duration, isKilled: Bool = false) throws -> ChildServer? {
      var launched: Int32?
      let server = try ChildServer(
        [
          "serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--log-level", "error", "--disk-reserve-mib",
          "0",
        ],
        onStart: { processID in
          launched = processID
          keeper.adopt(processID)
          let keeper = keeper
          // A broker that listens is killed by its owner, who knows when; see `isKilled`.
          DispatchQueue.global().asyncAfter(deadline: .now() + delay.fuzzSeconds) {
            if isKilled || keeper.isStarting(processID) { keeper.kill9(processID) }
          }
        }, onLog: { try? FileHandle.standardError.write(contentsOf: $0) })
      if server != nil, let launched, !isKilled { keeper.noteStarted(launched) }
      return server
    }
  }

  let startedAt: ContinuousClock.Instant
  let startTook: Duration
  private let server: ChildServer
  private let keeper: FuzzKillKeeper

  var port: UInt16 { server.port }
  private var process: Process { server.process }

  private init(
    server: ChildServer, startedAt: ContinuousClock.Instant, startTook: Duration, keeper: FuzzKillKeeper
  ) {
    self.server = server
    self.startedAt = startedAt
    self.startTook = startTook
    self.keeper = keeper
  }

  /// Kills it. Throws where it was gone before.
  func kill() async throws {
    guard process.isRunning else { throw FuzzFailure("the broker ended by itself, with \(ending)") }
    keeper.kill9(process.processIdentifier)
    try await waitUntilKilled()
  }

  /// Asks it to stop. Throws unless it exits with 0 within a minute.
  func stop() async throws {
    guard process.isRunning else { throw FuzzFailure("the broker ended by itself, with \(ending)") }
    process.terminate()
    try await waitUntilGone(within: .seconds(60))
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw FuzzFailure("the broker did not stop cleanly: \(ending)")
    }
  }

  private func waitUntilKilled() async throws {
    try await waitUntilGone(within: .seconds(30))
    guard process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL else {
      throw FuzzFailure("the broker ended by itself, with \(ending)")
    }
  }

  private func waitUntilGone(within limit: Duration) async throws {
    let start = ContinuousClock.now
    while process.isRunning {
      guard ContinuousClock.now - start < limit else { throw FuzzFailure("the broker was not gone within \(limit)") }
      try await Task.sleep(for: .milliseconds(1))
    }
    keeper.release()
  }

  private var ending: String {
    process.terminationReason == .exit
      ? "exit code \(process.terminationStatus)" : "signal \(process.terminationStatus)"
  }
}
