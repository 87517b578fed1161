import TailraceWire
import Testing

@testable import tailrace

@Suite struct CommandFailureTests {
  @Test func `exit codes are 8 plus the status, and 0 for OK`() {
    #expect(ExitStatus.code(of: .ok) == 0)
    #expect(ExitStatus.code(of: .unavailable) == 22)
    #expect(ExitStatus.code(of: .unauthenticated) == 24)
    #expect(Set(StatusCode.allCases.map(ExitStatus.code)).count == StatusCode.allCases.count)
  }

  @Test func `every known error code but none has a status`() {
    for code in ErrorCode.allKnown where code != .unspecified && code != .unknownOutcome {
      #expect(ExitStatus.status(of: code) != .unknown, "\(code)")
    }
    #expect(ExitStatus.status(of: ErrorCode(rawValue: 9_999)) == .unknown)
  }

  @Test func `the message names the error and what to do`() {
    let failure = CommandFailure(PartitionError(code: .unknownTopic, message: "there is no topic 'x'"), topic: "x")
    #expect(failure.exitCode == 13)
    #expect(
      failure.description.hasPrefix(
        "there is no topic 'x' (UNKNOWN_TOPIC); make it with 'tailrace topic create x"))
    let unknown = CommandFailure(RPCError(.aborted, "no"))
    #expect(unknown.description == "no (ABORTED)")
    #expect(unknown.exitCode == 18)
  }

  @Test func `a message is one line without control characters, whatever the broker sent`() {
    let failure = CommandFailure(RPCError(.unknown, "a\nb\u{1B}[2Jc\r\n"))
    #expect(!failure.description.unicodeScalars.contains { $0.value < 0x20 })
    #expect(failure.description == "a b [2Jc   (UNKNOWN)")
  }
}
