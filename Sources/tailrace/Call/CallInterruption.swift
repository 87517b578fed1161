import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Sees to it that a signal gives up the call under way, so that the server knows; between calls it ends the process.
/// Thread-safe.
final class CallInterruption: Sendable {
  private let interruption: Interruption
  private let giveUp = Mutex<(@Sendable () -> Void)?>(nil)

  /// Starts to watch for SIGINT and SIGTERM.
  init() throws(SystemError) {
    interruption = try Interruption()
    interruption.onRequest { [self] in
      guard let giveUp = giveUp.withLock({ $0 }) else { _exit(interruption.exitCode) }
      giveUp()
    }
  }

  var isRequested: Bool { interruption.isRequested }

  /// Makes a call. Where a signal gives it up it fails with a CommandFailure that has no message, and the exit code of that
  /// signal.
  func run(_ call: @escaping @Sendable () async throws -> Void) async throws {
    let task = Task { try await call() }
    // `call | head` ends even where a stream brings nothing more.
    let watch = Task {
      while (try? await Task.sleep(for: .milliseconds(250))) != nil {
        guard Descriptor.standardOutput.hasLostReader else { continue }
        task.cancel()
        return true
      }
      return false
    }
    giveUp.withLock { $0 = { task.cancel() } }
    let result = await task.result
    watch.cancel()
    giveUp.withLock { $0 = nil }
    // Also where the call was over before it could be given up: the signal has ended nothing yet.
    guard !isRequested else { throw CommandFailure("", exitCode: interruption.exitCode) }
    guard await !watch.value else { throw CommandFailure.readerGone }
    try result.get()
  }
}
