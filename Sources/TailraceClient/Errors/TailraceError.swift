package import TailraceWire

/// Why something failed: the one error type of this library.
///
/// What is retriable was retried inside, until its deadline: an error that arrives is final for what was asked.
public struct TailraceError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure. Compare with the constants; new ones may be added.
  public var code: Code
  /// For a person: what was wrong, the value, the bound.
  public var message: String
  /// Whether the same thing may succeed when it is asked for again, later.
  public var isRetriable: Bool
  /// What lies behind it, where that says more: an error of a codec, of a callback.
  public var cause: (any Error)?

  /// An error of your own, such as a codec's.
  public init(_ code: Code, _ message: String, isRetriable: Bool? = nil, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.isRetriable = isRetriable ?? code.isRetriable
    self.cause = cause
  }

  /// "UNKNOWN_TOPIC: there is no topic 'orders'".
  public var description: String {
    let text = "\(code): \(message)"
    return cause.map { "\(text) (\($0))" } ?? text
  }
}

extension TailraceError {
  /// The failure of a call.
  package init(_ error: RPCError) {
    self.init(Code(error), error.message)
  }

  /// The failure of a part of a call.
  package init(_ error: PartitionError) {
    self.init(Code(error.code), error.message)
  }

  /// A batch that cannot be built or read.
  package init(_ error: RecordBatchError) {
    self.init(Code(error.code), error.message)
  }
}
