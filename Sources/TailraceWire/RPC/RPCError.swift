/// The failure of a whole call: a gRPC status, and an `ErrorCode` where that is too coarse.
///
/// `message` is for a person: what was wrong, the value, the bound.
package struct RPCError: Error, Hashable, Sendable, CustomStringConvertible {
  package let code: StatusCode
  package let message: String
  package let error: ErrorCode

  package init(_ code: StatusCode, _ message: String, error: ErrorCode = .unspecified) {
    self.code = code
    self.message = message
    self.error = error
  }

  package var description: String { "\(code.name): \(message)" }

  /// The answer to a method that exists in the schema but not yet in this server.
  package static func unimplemented(_ method: RPCMethod) -> RPCError {
    RPCError(.unimplemented, "\(method.fullName) is not implemented in this release")
  }

  /// The answer to a method name that no service has.
  package static func unknownMethod(_ name: String) -> RPCError {
    RPCError(.unimplemented, "there is no method '\(name)'; AdminService/DescribeCluster lists those there are")
  }

  /// A request that cannot be decoded: RESOURCE_EXHAUSTED where it is too large, else INVALID_ARGUMENT.
  package init(_ error: DecodeError) {
    self.init(error.kind == .tooLarge ? .resourceExhausted : .invalidArgument, "\(error)")
  }

  /// A response that cannot be encoded: a fault of the server's own.
  package init(_ error: EncodeError) {
    self.init(.internalError, "\(error)")
  }
}

extension RPCError {
  /// The failure that a response's status tells of; nil where it tells of none.
  package init?(_ status: Status?) {
    guard let status, status.code != 0 else { return nil }
    self.init(StatusCode(rawValue: status.code) ?? .unknown, status.message, error: status.error)
  }

  /// The failure as it goes over the wire.
  package var status: Status {
    Status(code: code.rawValue, message: message, error: error)
  }
}
