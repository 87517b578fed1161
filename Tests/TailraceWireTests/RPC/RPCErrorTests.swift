import NIOCore
import TailraceWire
import Testing

@Suite("Failures of calls")
struct RPCErrorTests {
  /// As in gRPC's `doc/statuscodes.md`.
  private static let names = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  ]

  @Test func `Status codes have gRPC's numbers and names`() {
    #expect(StatusCode.allCases.count == Self.names.count)
    for (number, name) in Self.names.enumerated() {
      #expect(StatusCode(rawValue: Int32(number))?.name == name)
    }
    #expect(StatusCode(rawValue: 17) == nil && StatusCode(rawValue: -1) == nil)
  }

  @Test("A failure comes through the wire as it was", arguments: StatusCode.allCases.filter { $0 != .ok })
  func roundTrip(code: StatusCode) throws {
    let error = RPCError(code, "why: ü", error: .unknownTopic)
    let back = try Status(decoding: error.status.encoded())
    #expect(RPCError(back) == error)
    #expect(error.description == "\(code.name): why: ü")
  }

  @Test func `No status and status 0 are no failure`() {
    #expect(RPCError(nil as Status?) == nil)
    #expect(RPCError(Status(code: 0, message: "fine", error: .unknownTopic)) == nil)
  }

  @Test("A code that gRPC does not have is UNKNOWN, the rest kept", arguments: [17, -1, Int32.max, Int32.min])
  func unknownCode(code: Int32) {
    let error = RPCError(Status(code: code, message: "m", error: ErrorCode(rawValue: 99_999)))
    #expect(error == RPCError(.unknown, "m", error: ErrorCode(rawValue: 99_999)))
  }

  @Test(
    "Too large a request is RESOURCE_EXHAUSTED, any other bad one INVALID_ARGUMENT",
    arguments: [
      (.malformed, .invalidArgument), (.tooDeep, .invalidArgument), (.tooLarge, .resourceExhausted),
      (.invalidUTF8, .invalidArgument), (.nulInString, .invalidArgument),
    ] as [(DecodeError.Kind, StatusCode)])
  func decodeErrors(kind: DecodeError.Kind, code: StatusCode) {
    let cause = DecodeError(kind: kind, path: "targets[1].topic", offset: 7, messageName: "tailrace.v1.X")
    #expect(RPCError(cause) == RPCError(code, "\(cause)"))
    #expect("\(cause)".hasPrefix("targets[1].topic ") && "\(cause)".hasSuffix(" (at byte 7 of tailrace.v1.X)"))
  }

  @Test func `A response that cannot be encoded is the server's own fault`() {
    let cause = EncodeError(kind: .nulInString, path: "topics[0].name")
    #expect(RPCError(cause) == RPCError(.internalError, "topics[0].name holds a NUL character"))
  }

  @Test func `Methods that are not there are told apart from those that are not done`() {
    #expect(
      RPCError.unimplemented(.logServiceSubscribe)
        == RPCError(.unimplemented, "tailrace.v1.LogService/Subscribe is not implemented in this release"))
    #expect(
      RPCError.unknownMethod("a/B")
        == RPCError(.unimplemented, "there is no method 'a/B'; AdminService/DescribeCluster lists those there are"))
  }
}
