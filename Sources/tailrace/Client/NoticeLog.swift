import Logging
import Synchronization

/// Prints what the SDK logs as lines on standard error: what a person should know of, and the loss of a connection once,
/// until there is one again.
struct NoticeLog: LogHandler {
  private final class Memory: Sendable {
    struct State {
      var isCutOff = false
      var last = ""
    }

    let state = Mutex(State())
  }

  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.debug
  private let memory = Memory()

  /// A logger that prints so.
  static func logger() -> Logger { Logger(label: "tailrace") { _ in NoticeLog() } }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let line = memory.state.withLock { state in
      // What is about the connection names the server.
      if event.metadata?["server"] != nil { return Self.line(of: event, &state) }
      guard event.level >= .info, "\(event.message)" != state.last else { return nil }
      state.last = "\(event.message)"
      return state.last
    }
    if let line { StandardError.write("tailrace: \(line.withoutControls)\n") }
  }

  private static func line(of event: LogEvent, _ state: inout Memory.State) -> String? {
    let error = event.metadata?["error"]
    guard state.isCutOff != (error != nil) else { return nil }
    state.isCutOff = error != nil
    return error.map { "\(event.message): \($0); trying again" } ?? "connected again"
  }
}
