import Dispatch

extension DispatchSemaphore {
  /// Waits for a signal of another thread, for at most ten seconds.
  func waitForOne() { _ = wait(timeout: .now() + 10) }
}
