import Foundation

/// A broker of the fuzzer's own: this same program, in a process of its own.
final class FuzzBroker {
  private let process = Process()
  private let errors = Pipe()
  let port: UInt16

  var processID: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// Starts it on `directory` and waits until it says where it listens.
  init(directory: String, memoryBudgetMib: Int) throws {
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = [
      "serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--log-level", "error", "--memory-budget-mib",
      "\(memoryBudgetMib)", "--drain-seconds", "10",
    ]
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    guard let port = Self.announcedPort(errors.fileHandleForReading) else {
      process.terminate()
      throw FuzzFailure("the broker did not start")
    }
    self.port = port
    // What it logs is the fuzzer's to show, and must not fill the pipe.
    errors.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil } else { try? FileHandle.standardError.write(contentsOf: data) }
    }
  }

  deinit { if process.isRunning { process.terminate() } }

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

  private static func announcedPort(_ handle: FileHandle) -> UInt16? {
    var text = ""
    while true {
      let data = handle.availableData
      guard !data.isEmpty else { return nil }
      text += String(decoding: data, as: UTF8.self)
      for line in text.split(separator: "\n") where line.contains("listening on ") && text.hasSuffix("\n") {
        if let port = line.split(separator: ":").last.flatMap({ UInt16($0) }) { return port }
      }
    }
  }
}
