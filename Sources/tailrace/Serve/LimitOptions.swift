import ArgumentParser
import NIOCore
import TailraceTransport
import TailraceWire

/// What the broker bounds for its own sake: all of it can be set.
struct LimitOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "Connections at a time.")
  var maxConnections: Int = ProcessLimits.default.maxConnections

  @Option(parsing: .unconditional, help: "Mebibytes that requests and answers of all connections may hold together.")
  var memoryBudgetMib: Int = ProcessLimits.default.memoryBudgetBytes >> 20

  @Option(
    parsing: .unconditional,
    help: "Mebibytes that requests and answers of one connection may hold: the broker reads no more until they go.")
  var maxMibInFlight: Int = ConnectionLimits.default.maxBytesInFlight >> 20

  @Option(parsing: .unconditional, help: "Calls of one connection that are not answered yet.")
  var maxCallsInFlight: Int = ConnectionLimits.default.maxCallsInFlight

  @Option(parsing: .unconditional, help: "Mebibytes of one request.")
  var maxFrameMib: Int = FrameLimits.default.maxFrameBytes >> 20

  @Option(parsing: .unconditional, help: "Kibibytes of a request's header.")
  var maxHeaderKib: Int = FrameLimits.default.maxHeaderBytes >> 10

  @Option(parsing: .unconditional, help: "Seconds that a connection may be open without a word.")
  var idleSeconds: Int = Int(ConnectionLimits.default.idleTimeout.nanoseconds / 1_000_000_000)

  @Option(parsing: .unconditional, help: "Seconds that a new connection has to say which protocol it speaks.")
  var prefaceSeconds: Int = Int(ConnectionLimits.default.prefaceTimeout.nanoseconds / 1_000_000_000)

  @Option(parsing: .unconditional, help: "Seconds that a client may leave an answer unread, or a request half sent.")
  var stallSeconds: Int = Int(ConnectionLimits.default.stallTimeout.nanoseconds / 1_000_000_000)

  @Option(
    parsing: .unconditional,
    help: "Seconds that a client with calls in flight may be silent until it is asked whether it is there.")
  var keepaliveSeconds: Int = Int(ConnectionLimits.default.keepaliveInterval.nanoseconds / 1_000_000_000)

  @Option(parsing: .unconditional, help: "Seconds that a client has to answer that.")
  var keepaliveTimeoutSeconds: Int = Int(ConnectionLimits.default.keepaliveTimeout.nanoseconds / 1_000_000_000)

  @Option(
    parsing: .unconditional,
    help: "Microseconds for which an event loop takes calls before it looks at its other connections.")
  var turnUs: Int = Int(ProcessLimits.default.turnLength.nanoseconds / 1_000)

  @Option(
    parsing: .unconditional,
    help: """
      Microseconds for which an event loop looks for more calls before it sleeps, where they have come close behind one
      another, and eight times that while a fsync is waited for; 0: not at all.
      """)
  var busyPollUs: Int = Int(ProcessLimits.default.busyPollLength.nanoseconds / 1_000)

  func validate() throws {
    let bounds: [(flag: String, value: Int, range: ClosedRange<Int>)] = [
      ("--max-connections", maxConnections, 1...1_000_000),
      ("--memory-budget-mib", memoryBudgetMib, 16...1_048_576),
      ("--max-mib-in-flight", maxMibInFlight, 1...65_536),
      ("--max-calls-in-flight", maxCallsInFlight, 1...65_535),
      ("--max-frame-mib", maxFrameMib, 1...16),
      ("--max-header-kib", maxHeaderKib, 1...63),
      ("--idle-seconds", idleSeconds, 1...86_400),
      ("--preface-seconds", prefaceSeconds, 1...3_600),
      ("--stall-seconds", stallSeconds, 1...3_600),
      ("--keepalive-seconds", keepaliveSeconds, 1...86_400),
      ("--keepalive-timeout-seconds", keepaliveTimeoutSeconds, 1...3_600),
      ("--turn-us", turnUs, 1...1_000_000),
      ("--busy-poll-us", busyPollUs, 0...1_000),
    ]
    for (flag, value, range) in bounds where !range.contains(value) {
      throw ValidationError("\(flag) is \(value); \(range.lowerBound) to \(range.upperBound) are allowed")
    }
    guard maxFrameMib <= maxMibInFlight, maxFrameMib <= memoryBudgetMib / 2 else {
      throw ValidationError(
        "--max-frame-mib is \(maxFrameMib); it is to be at most --max-mib-in-flight, which is \(maxMibInFlight), and"
          + " half of --memory-budget-mib, which is \(memoryBudgetMib)")
    }
  }

  var connection: ConnectionLimits {
    ConnectionLimits(
      frame: FrameLimits(maxFrameBytes: maxFrameMib << 20, maxHeaderBytes: maxHeaderKib << 10),
      maxCallsInFlight: maxCallsInFlight, maxBytesInFlight: maxMibInFlight << 20,
      idleTimeout: .seconds(Int64(idleSeconds)), prefaceTimeout: .seconds(Int64(prefaceSeconds)),
      stallTimeout: .seconds(Int64(stallSeconds)), keepaliveInterval: .seconds(Int64(keepaliveSeconds)),
      keepaliveTimeout: .seconds(Int64(keepaliveTimeoutSeconds)))
  }

  var process: ProcessLimits {
    ProcessLimits(
      maxConnections: maxConnections, memoryBudgetBytes: memoryBudgetMib << 20,
      turnLength: .microseconds(Int64(turnUs)), busyPollLength: .microseconds(Int64(busyPollUs)))
  }
}
