import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Turns the first SIGINT or SIGTERM into a request to stop; a second one ends the process at once, and so does a search
/// for a regular expression that goes on for some time after the first. Thread-safe.
final class Interruption: Sendable {
  private struct State {
    var signal: Int32?
    var actions: [@Sendable () -> Void] = []
    var sources: [KeptSource] = []
  }

  /// @unchecked Sendable: after it was started nobody touches the source; it is only kept from being released.
  private struct KeptSource: @unchecked Sendable {
    let source: any DispatchSourceSignal
  }

  private let state = Mutex(State())
  private let wake: Wake

  /// Readable once a stop is requested.
  var descriptor: Descriptor { wake.descriptor }

  /// Starts to watch for the signals, for the life of the process.
  init() throws(SystemError) {
    wake = try Wake()
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [weak self] in self?.request(number) }
      source.resume()
      let kept = KeptSource(source: source)
      state.withLock { $0.sources.append(kept) }
    }
  }

  /// The signal that asked to stop; nil as long as none has.
  var signalNumber: Int32? { state.withLock { $0.signal } }

  var isRequested: Bool { signalNumber != nil }

  /// What a process that a signal stops exits with, by the convention of shells: 130 for SIGINT, 143 for SIGTERM.
  var exitCode: Int32 { 128 + (signalNumber ?? SIGINT) }

  /// Runs `action` when a stop is requested, at once where it was before. On any thread.
  func onRequest(_ action: @escaping @Sendable () -> Void) {
    let isRequested = state.withLock { state in
      if state.signal == nil { state.actions.append(action) }
      return state.signal != nil
    }
    if isRequested { action() }
  }

  private func request(_ number: Int32) {
    let actions = state.withLock { state -> [@Sendable () -> Void] in
      if state.signal != nil { _exit(128 + number) }
      state.signal = number
      defer { state.actions = [] }
      return state.actions
    }
    wake.signal()
    Self.endStuckSearch(number)
    for action in actions { action() }
  }

  /// Looks every second, as long as the process lives, whether a search has lasted for that long.
  private static func endStuckSearch(_ number: Int32, after last: UInt64? = nil) {
    let steps = BytePattern.steps.load(ordering: .relaxed)
    if let last, steps == last, !steps.isMultiple(of: 2) {
      StandardError.write(
        "tailrace: stopped while a regular expression was searched for; what was read last is left out\n")
      _exit(128 + number)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(1)) { endStuckSearch(number, after: steps) }
  }
}
