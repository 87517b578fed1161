import TailraceClient
import TailraceWire

/// What each check makes of what the broker told. Pure.
enum DoctorChecks {
  /// A broker and a tool of the same release suit each other; others may.
  static func version(ofBroker broker: String, ofTool tool: String) -> DoctorFinding {
    guard broker != tool else { return .ok("version", "broker and tool are of release \(broker)") }
    return .warning(
      "version", "the broker is of release \(broker), this tool of \(tool)",
      hint: "use the tool of the broker's release where a command behaves oddly")
  }

  /// `roundTrips` of several pings.
  static func latency(_ roundTrips: [Duration]) -> DoctorFinding {
    let sorted = roundTrips.sorted()
    guard !sorted.isEmpty else { return .ok("latency", "not measured") }
    let median = sorted[sorted.count / 2]
    let detail = "\(Quantity.latency(median)) there and back, the median of \(sorted.count)"
    guard median > .milliseconds(100) else { return .ok("latency", detail) }
    return .warning("latency", detail, hint: "the broker is far away or busy: send batches, and several at a time")
  }

  /// `brokerMs` was read between `before` and `after` of this machine's clock, milliseconds since 1970; 0: not told.
  static func clock(brokerMs: Int64, before: Int64, after: Int64) -> DoctorFinding {
    guard brokerMs > 0 else { return .ok("clock", "the broker does not tell") }
    let offset =
      brokerMs < before
      ? before.subtractingReportingOverflow(brokerMs).partialValue
      : brokerMs > after ? brokerMs.subtractingReportingOverflow(after).partialValue : 0
    let words = Quantity.duration(ms: UInt64(clamping: offset))
    guard offset > 1_000 else {
      return .ok("clock", "broker and this machine agree" + (offset > 0 ? " within \(words)" : ""))
    }
    return .warning(
      "clock", "the broker's is \(words) \(brokerMs < before ? "behind" : "ahead of") this machine's",
      hint: "let both keep time by NTP: retention and look-ups by time go by these clocks")
  }

  static func disk(_ disk: DiskSpace?) -> DoctorFinding {
    guard let disk else { return .ok("disk", "the broker does not tell") }
    let detail =
      "\(Quantity.bytes(disk.availableBytes)) available, \(Quantity.bytes(disk.reserveBytes)) of them kept free"
    guard disk.availableBytes > disk.reserveBytes else {
      return .failure(
        "disk", detail, hint: "produces are refused: free space there, or shorten retention with 'tailrace config set'",
        .resourceExhausted)
    }
    guard disk.availableBytes - disk.reserveBytes < 1 << 30 else { return .ok("disk", detail) }
    return .warning("disk", detail, hint: "free space soon: produces are refused once only what is kept free is left")
  }

  static func limits(_ limits: Limits?) -> DoctorFinding {
    guard let limits else { return .ok("limits", "the broker does not tell") }
    let detail =
      "\(limits.maxConnections) connections, frames of \(Quantity.bytes(UInt64(limits.maxFrameBytes))), batches of "
      + Quantity.bytes(UInt64(limits.maxBatchBytes))
    guard limits.maxConnections < 1_000 else { return .ok("limits", detail) }
    return .warning(
      "limits", detail,
      hint: "few connections: raise the broker's limit of open files (LimitNOFILE=, ulimit -n), or --max-connections")
  }

  /// `faults`: what is wrong with partitions, each with its name.
  static func topics(count: Int, faults: [String]) -> DoctorFinding {
    let topics = count == 1 ? "1 topic" : "\(count) topics"
    guard let first = faults.first else { return .ok("topics", "\(topics), none of them damaged") }
    return .failure(
      "topics",
      "\(faults.count) of the partitions of \(topics) have a fault: \(first)"
        + (faults.count > 1 ? ", and others" : ""),
      hint: "see 'tailrace topic describe', and 'tailrace log verify' on the broker's machine", .dataLoss)
  }

  /// What to do where no connection can be made.
  static func hint(ofConnection error: RPCError) -> String {
    if error.code == .unimplemented {
      return "use the tool of the broker's release, or bring the broker up to this one"
    }
    let hints = [
      ("is no Tailrace broker", "something else listens there: look at the host and the port of --server"),
      (
        "said nothing",
        "something listens there and is stuck, or is no broker: look at the port, then at the broker's log and load"
      ),
      ("was lost", "something closes connections there: look at the port, then at the broker's log"),
    ]
    return hints.first { error.message.contains($0.0) }?.1
      ?? "is it running ('tailrace serve'), does it listen there (--listen), does a firewall stand between?"
  }
}
