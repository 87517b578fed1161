import Testing

@testable import tailrace

@Suite struct ConfigCommandTests {
  /// The columns of the line that begins with `name`.
  private func row(_ name: String, _ text: String) -> [String]? {
    text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }.first { $0.first == name }
  }

  @Test func `settings are shown, set and taken back`() throws {
    let broker = try Broker(["--topic-default", "segment_ms=5000", "--topic-default", "retention_ms=70000"])
    try broker.createTopic("a")
    let shown = try broker.output(of: ["config", "get", "a"])
    #expect(shown.hasPrefix("NAME "))
    #expect(row("durability", shown) == ["durability", "os", "topic"])
    #expect(row("segment_ms", shown) == ["segment_ms", "5000", "broker"])
    #expect(row("retention_bytes", shown) == ["retention_bytes", "-1", "default"])
    let change = ["config", "set", "a", "retention_ms=9000", "cleanup_policy=compact,delete"]
    let checked = try broker.run(change + ["--dry-run"])
    #expect(checked.lines.count == 3)
    #expect(checked.errors == "tailrace: nothing was changed\n")
    #expect(row("retention_ms", checked.text) == ["retention_ms", "9000", "topic"])
    #expect(try broker.output(of: ["config", "get", "a"]) == shown)
    #expect(try broker.output(of: change) == checked.text)
    #expect(try broker.output(of: ["config", "get", "a", "cleanup_policy", "retention_ms"]) == checked.text)
    let unset = try broker.output(of: ["config", "unset", "a", "durability", "retention_ms"])
    #expect(row("durability", unset) == ["durability", "durable", "default"])
    #expect(row("retention_ms", unset) == ["retention_ms", "70000", "broker"])
    #expect(try broker.output(of: ["config", "get", "a", "retention_ms", "durability"]) == unset)
  }

  @Test func `--output json tells what each setting means, an object per line`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let lines = try broker.run(["config", "get", "a", "--output", "json"]).lines
    #expect(lines.count == 11)
    #expect(
      lines.contains {
        $0.hasPrefix(#"{"name":"retention_ms","value":"604800000","source":"default","documentation":"With 'delete'"#)
      })
  }

  @Test func `a partition is trimmed up to an offset, and to its end`() throws {
    let broker = try Broker()
    try broker.createTopic("a", partitions: 2)
    try broker.output(of: ["produce", "a", "--partition", "1"], input: "x\ny\nz\n".utf8)
    #expect(
      try broker.output(of: ["topic", "trim", "a", "--partition", "1", "--before", "2", "--dry-run"])
        == "would delete offsets 0 to 2, exclusive, of partition 1 of topic 'a'\n")
    #expect(
      try broker.output(of: ["topic", "trim", "a", "--partition", "1", "--before", "1", "--yes", "-o", "json"])
        == #"{"topic":"a","partition":1,"old_start":0,"start":1}"# + "\n")
    #expect(
      try broker.output(of: ["topic", "trim", "a", "--partition", "1", "--before", "2", "--yes"])
        == "partition 1 of topic 'a' begins at offset 2 now\n")
    #expect(
      try broker.output(of: ["consume", "a", "--partition", "1", "--from", "beginning", "--exit-at-end"]) == "z\n")
    #expect(
      try broker.output(of: ["topic", "trim", "a", "--partition", "1", "--before", "end", "-y"])
        == "partition 1 of topic 'a' begins at offset 3 now\n")
  }

  @Test func `what the broker refuses becomes one line and an exit code`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let refusals: [([String], Int32, String)] = [
      (["config", "get", "nope"], 13, "UNKNOWN_TOPIC"),
      (["config", "set", "nope", "segment_ms=1"], 13, "UNKNOWN_TOPIC"),
      (["config", "set", "a", "segment_ms=0"], 11, "segment_ms is '0'; it may be 1 to 3153600000000"),
      (["config", "unset", "a", "colour"], 11, "INVALID_CONFIG"),
      (["config", "get", "a", "colour"], 11, "there is no setting 'colour'; there are cleanup_policy"),
      (["config", "set", "__metadata", "segment_ms=1"], 11, "INTERNAL_TOPIC"),
      (["topic", "trim", "nope", "--partition", "0", "--before", "0", "--yes"], 13, "UNKNOWN_TOPIC"),
      (["topic", "trim", "a", "--partition", "1", "--before", "0", "--yes"], 13, "UNKNOWN_PARTITION"),
      (["topic", "trim", "a", "--partition", "0", "--before", "1", "--yes"], 19, "OFFSET_OUT_OF_RANGE"),
    ]
    for (arguments, status, text) in refusals {
      let outcome = try broker.run(arguments)
      #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1 && outcome.errors.hasPrefix("tailrace: "), "\(outcome.errors)")
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
    }
  }

  @Test func `times and sizes may have a unit`() throws {
    let broker = try Broker()
    try broker.createTopic("a", config: ["retention_ms=2w", "segment_bytes=64MiB"])
    func value(_ name: String) throws -> String {
      let line = try #require(try broker.run(["config", "get", "a", name]).lines.last)
      return String(line.split(separator: " ")[1])
    }
    #expect(try value("retention_ms") == "1209600000")
    #expect(try value("segment_bytes") == "67108864")
    try broker.output(of: ["config", "set", "a", "retention_ms=7d", "segment_ms=90m", "retention_bytes=1GiB"])
    #expect(try value("retention_ms") == "604800000")
    #expect(try value("segment_ms") == "5400000")
    #expect(try value("retention_bytes") == "1073741824")
    for wrong in ["retention_ms=7x", "retention_ms=1.5d", "retention_ms=7KiB", "retention_ms=9223372036854775807w"] {
      #expect(try broker.run(["config", "set", "a", wrong]).status == 11, "\(wrong)")
    }
    #expect(try value("retention_ms") == "604800000")
  }
}
