import Testing

/// The flags of `tailrace serve` that set a number.
@Suite struct ServeFlagTests {
  /// A value that differs from the default, and one that is out of range.
  private static let flags: [(name: String, value: String, wrong: String)] = [
    ("--busy-poll-us", "0", "1001"), ("--compaction-memory-mib", "16", "0"), ("--drain-seconds", "5", "3601"),
    ("--group-heartbeat-ms", "500", "99"),
    ("--max-group-members", "7", "0"), ("--offsets-retention-hours", "0", "876001"), ("--preallocate-mib", "0", "65"),
    ("--preface-seconds", "9", "0"), ("--producer-expiry-hours", "2", "0"), ("--scrub-mib-per-second", "0", "65537"),
    ("--stall-seconds", "8", "3601"), ("--turn-us", "77", "1000001"),
  ]

  @Test func `a broker starts with each of them, and serves`() throws {
    let broker = try Broker(Self.flags.flatMap { [$0.name, $0.value] })
    try broker.createTopic("t")
    try broker.output(of: ["produce", "t"], input: "a\n".utf8)
    #expect(try broker.output(of: ["consume", "t", "--exit-at-end"]) == "a\n")
    try broker.stop()
  }

  @Test(arguments: flags.indices)
  func `nonsense is refused in one line that names the flag`(index: Int) throws {
    let flag = Self.flags[index]
    for value in [flag.wrong, "-1", "x", "1.5", "99999999999999999999", ""] {
      let outcome = try runTool(["serve", flag.name, value, "--data-dir", "/nonexistent/directory"])
      #expect(outcome.status == 64, "\(value): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
      #expect(outcome.errors.contains(flag.name), "\(outcome.errors)")
    }
  }
}
