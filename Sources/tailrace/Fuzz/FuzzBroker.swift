import Foundation

/// A broker of the fuzzer's own: this same program, in a process of its own.
final class FuzzBroker {
  private let server: ChildServer

  var port: UInt16 { server.port }
  var processID: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  private var process: Process { server.process }

  /// Starts it on `directory` and waits until it says where it listens. What it logs is shown.
  init(directory: String, memoryBudgetMib: Int) throws {
    let server = try ChildServer(
      [
        "serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--log-level", "error", "--memory-budget-mib",
        "\(memoryBudgetMib)", "--drain-seconds", "10",
      ], onLog: { try? FileHandle.standardError.write(contentsOf: $0) })
    guard let server else { throw FuzzFailure("the broker did not start") }
    self.server = server
  }

  /// Asks it to stop, and waits. Throws unless it exits with 0 within `seconds`.
  func stop(withinSeconds seconds: Int = 60) async throws {
    guard process.isRunning else { throw FuzzFailure("the broker is gone: \(ending)") }
    process.terminate()
    for _ in 0..<(seconds * 20) where process.isRunning { try await Task.sleep(for: .milliseconds(50)) }
    guard !process.isRunning else {
      kill(process.processIdentifier, SIGKILL)
      throw FuzzFailure("the broker did not stop within \(seconds) s of SIGTERM")
    }
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw FuzzFailure("the broker did not stop cleanly: \(ending)")
    }
  }

  private var ending: String {
    process.terminationReason == .exit
      ? "exit code \(process.terminationStatus)" : "signal \(process.terminationStatus)"
  }
}
