import Logging
import Synchronization

/// Keeps what is logged. Thread-safe.
final class RecordedLog: Sendable {
  private let kept = Mutex<[String]>([])

  /// `<level>: <message>` of each, in order.
  var lines: [String] { kept.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(log: self) }
  }

  private struct Handler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { log.kept.withLock { $0.append("\(event.level): \(event.message)") } }
  }
}
