import TailraceBroker
import TailraceClient
import TailraceWire

/// Why a command failed: one line for a person, and what to exit with.
struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
  let message: String
  let exitCode: Int32

  init(_ message: String, exitCode: Int32) {
    self.message = message
    self.exitCode = exitCode
  }

  /// Nothing went wrong that anybody would read about: the reader of a pipe is gone, as that of `consume | head`.
  static let readerGone = CommandFailure("", exitCode: 0)

  /// A failed call. `topic`: what it was about, for the hint.
  init(_ error: RPCError, topic: String? = nil) {
    self.init(
      error.line + (Self.hint(error, topic: topic).map { "; \($0)" } ?? ""), exitCode: ExitStatus.code(of: error.code))
  }

  /// The failure of a part of a call.
  init(_ error: PartitionError, topic: String? = nil) {
    self.init(RPCError(ExitStatus.status(of: error.code), error.message, error: error.code), topic: topic)
  }

  /// A failure of the SDK.
  init(_ error: TailraceError) {
    let status = error.code.status ?? ExitStatus.status(of: error.code.error)
    self.init(RPCError(status, error.message, error: error.code.error))
  }

  init(_ error: RecordBatchError) {
    self.init(PartitionError(code: error.code, message: error.message))
  }

  /// The same failure, its message between `prefix` and `suffix`.
  func with(prefix: String = "", suffix: String = "") -> CommandFailure {
    CommandFailure(prefix + message + suffix, exitCode: exitCode)
  }

  /// One line, whatever is in the message.
  var description: String { message.withoutControls }

  private static func hint(_ error: RPCError, topic: String?) -> String? {
    switch (error.error, error.code) {
    case (.unknownTopic, _), (.unspecified, .notFound):
      guard let topic, (try? TopicName(topic)) != nil else { return nil }
      return "make it with 'tailrace topic create \(topic) --partitions N', or see 'tailrace topic list'"
    case (.topicExists, _):
      return topic.map { "see 'tailrace topic describe \($0)'" }
    case (.unspecified, .unavailable) where error.message.hasPrefix("cannot connect"):
      return "start one with 'tailrace serve', or name another with --server, --context or TAILRACE_SERVER"
    case (.unknownGroup, _): return "see 'tailrace group list'"
    case (.groupNotEmpty, _): return "stop its members first; 'tailrace group describe' tells who they are"
    case (_, .deadlineExceeded): return "the broker may be overloaded; try again"
    case (.storageFull, _): return "free space on the broker's disk and try again"
    case (.shuttingDown, _): return "try again once the broker is back"
    default: return nil
    }
  }
}

extension RPCError {
  /// "no topic 'a' (UNKNOWN_TOPIC)": what went wrong, without what to do about it.
  var line: String { "\(message) (\(shortName))" }

  /// "UNKNOWN_TOPIC", or the status where there is nothing finer: "UNAVAILABLE".
  var shortName: String {
    guard error != .unspecified else { return code.name }
    let prefix = "ERROR_CODE_"
    return error.name.hasPrefix(prefix) ? String(error.name.dropFirst(prefix.count)) : "ERROR_CODE_\(error.name)"
  }
}
