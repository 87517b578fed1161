import Foundation
import Testing

@testable import tailrace

@Suite struct TopicCommandTests {
  @Test func `a topic is created, listed, described, given partitions and deleted`() throws {
    let broker = try Broker()
    #expect(
      try broker.output(of: ["topic", "create", "orders", "--partitions", "3", "--config", "durability=os"])
        == "created topic 'orders' with 3 partitions\n")
    #expect(try broker.output(of: ["topic", "create", "one"]) == "created topic 'one' with 1 partition\n")
    let list = try broker.run(["topic", "list"])
    #expect(list.lines == ["TOPIC   PARTITIONS", "one              1", "orders           3"])
    let description = try broker.output(of: ["topic", "describe", "orders"])
    #expect(description.contains("partitions: 3\n"))
    #expect(description.contains("config:     durability=os\n"))
    #expect(description.contains("offsets:    0\n"))
    #expect(description.split(separator: "\n").count == 7 + 1 + 3)
    let grown = try broker.run(["topic", "add-partitions", "orders", "--partitions", "5"])
    #expect(grown.text == "topic 'orders' has 5 partitions now\n")
    #expect(grown.errorLines.count == 1)
    #expect(grown.errors.contains("warning: keys of 'orders' map to other partitions"))
    #expect(try broker.output(of: ["topic", "delete", "orders", "--yes"]) == "deleted topic 'orders'\n")
    #expect(try broker.run(["topic", "list"]).lines == ["TOPIC  PARTITIONS", "one             1"])
  }

  @Test func `a dry run changes nothing and says what would be`() throws {
    let broker = try Broker()
    try broker.createTopic("a", partitions: 2)
    try broker.output(of: ["produce", "a"], input: "x\ny\nz\n".utf8)
    #expect(
      try broker.output(of: ["topic", "create", "b", "--dry-run"]) == "topic 'b' with 1 partition could be created\n")
    let grown = try broker.run(["topic", "add-partitions", "a", "--partitions", "3", "--dry-run"])
    #expect(grown.text == "topic 'a' could have 3 partitions\n")
    #expect(grown.errors.isEmpty)
    let doomed = try broker.output(of: ["topic", "delete", "a", "--dry-run"])
    #expect(doomed.hasPrefix("would delete topic 'a' (2 partitions with 3 records, "), "\(doomed)")
    #expect(try broker.run(["topic", "create", "a", "--dry-run"]).status == 14)
    #expect(try broker.run(["topic", "delete", "b", "--dry-run"]).status == 13)
    #expect(try broker.run(["topic", "list"]).lines == ["TOPIC  PARTITIONS", "a               2"])
  }

  @Test func `partitions and settings are changed with one command, all or nothing`() throws {
    let broker = try Broker()
    try broker.createTopic("a", partitions: 2)
    let change = [
      "topic", "alter", "a", "--partitions", "3", "--config", "retention_ms=9000", "--config", "segment_ms=5000",
      "--unset",
      "durability",
    ]
    let settings = [
      ["durability", "durable", "default"], ["retention_ms", "9000", "topic"], ["segment_ms", "5000", "topic"],
    ]
    let checked = try broker.run(change + ["--dry-run"])
    #expect(checked.lines.first == "topic 'a' could have 3 partitions")
    #expect(checked.errors == "tailrace: nothing was changed\n")
    let before = try broker.output(of: ["topic", "describe", "a"])
    #expect(before.contains("partitions: 2\n") && before.contains("config:     durability=os\n"))
    let changed = try broker.run(change)
    #expect(changed.lines.first == "topic 'a' has 3 partitions now")
    #expect(changed.errors.contains("warning: keys of 'a'"))
    for outcome in [checked, changed] {
      #expect(outcome.lines.dropFirst(2).map { $0.split(separator: " ").map(String.init) } == settings)
    }
    // The settings are right, the partitions are not: neither is changed.
    let refused = try broker.run(["topic", "alter", "a", "--config", "retention_ms=1000", "--partitions", "1"])
    #expect(refused.status == 11 && refused.errorLines.count == 1, "\(refused.errors)")
    #expect(try broker.output(of: ["config", "get", "a", "retention_ms"]).contains("9000"))
    let json = try broker.run(["topic", "alter", "a", "--partitions", "4", "--unset", "segment_ms", "-o", "json"])
    #expect(json.lines.count == 2)
    #expect(json.lines.first?.contains(#""partition_count":4"#) == true)
    #expect(json.lines.last?.hasPrefix(#"{"name":"segment_ms","#) == true)
    #expect(try broker.run(["topic", "alter", "nope", "--partitions", "4"]).status == 13)
    for arguments in [[], ["--partitions", "0"], ["--config", "a=1", "--unset", "a"]] {
      #expect(try runTool(["topic", "alter", "a"] + arguments).status == 64)
    }
  }

  @Test func `several topics are deleted, those that are there also where others are not`() throws {
    let broker = try Broker()
    for name in ["a", "b"] { try broker.createTopic(name) }
    let outcome = try broker.run(["topic", "delete", "a", "nope", "b", "-y", "-o", "json"])
    #expect(outcome.status == 13)
    #expect(outcome.lines == [#"{"name":"a","deleted":true}"#, #"{"name":"b","deleted":true}"#])
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains("UNKNOWN_TOPIC"))
    #expect(try broker.run(["topic", "list"]).lines.count == 1)
  }

  @Test func `--output json and TAILRACE_OUTPUT have an object per line`() throws {
    let broker = try Broker()
    let created = try broker.output(of: ["topic", "create", "orders", "--partitions", "2", "-o", "json"])
    let topic = try #require(try JSONSerialization.jsonObject(with: Data(created.utf8)) as? [String: Any])
    #expect(topic["name"] as? String == "orders")
    #expect(topic["partition_count"] as? Int == 2)
    #expect((topic["id"] as? String)?.count == 32)
    #expect(try broker.output(of: ["topic", "list", "--output", "json"]) == created)
    let environment = ["TAILRACE_OUTPUT": "json", "TAILRACE_SERVER": broker.address]
    #expect(try runTool(["topic", "list", "--prefix", "o"], environment: environment).text == created)
    #expect(try runTool(["topic", "list", "--prefix", "x"], environment: environment).output.isEmpty)
    #expect(try runTool(["topic", "list", "-o", "text"], environment: environment).lines.count == 2)
    #expect(
      try broker.run(["topic", "list", "--internal"]).lines.contains { $0.hasPrefix("__metadata ") })
    try broker.output(of: ["produce", "orders", "--partition", "1"], input: "x\ny\n".utf8)
    let text = try broker.output(of: ["topic", "describe", "orders", "-o", "json"])
    let description = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let partitions = try #require(description["partitions"] as? [[String: Any]])
    #expect(partitions.map { $0["end"] as? Int } == [0, 2])
    #expect(partitions.allSatisfy { $0["fault"] is NSNull })
    #expect((description["size_bytes"] as? Int ?? 0) > 0)
    let grown = try broker.run(["topic", "add-partitions", "orders", "--partitions", "3", "-o", "json"])
    #expect(grown.text.contains(#""partition_count":3"#))
  }

  @Test func `what the broker refuses becomes one line and an exit code`() throws {
    let broker = try Broker()
    try broker.createTopic("a", partitions: 2)
    let refusals: [([String], Int32, String)] = [
      (["topic", "create", "a"], 14, "TOPIC_EXISTS"),
      (["topic", "create", "bad name"], 11, "INVALID_TOPIC_NAME"),
      (["topic", "create", "__x"], 11, "INTERNAL_TOPIC"),
      (["topic", "create", "b", "--config", "colour=red"], 11, "INVALID_CONFIG"),
      (["topic", "create", "b", "--partitions", "10001"], 11, "partition_count"),
      (["topic", "describe", "nope"], 13, "UNKNOWN_TOPIC"),
      (["topic", "delete", "nope", "--yes"], 13, "UNKNOWN_TOPIC"),
      (["topic", "add-partitions", "nope", "--partitions", "2"], 13, "UNKNOWN_TOPIC"),
      (["topic", "add-partitions", "a", "--partitions", "1"], 11, "tailrace: "),
    ]
    for (arguments, status, text) in refusals {
      let outcome = try broker.run(arguments)
      #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1 && outcome.errors.hasPrefix("tailrace: "), "\(outcome.errors)")
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
    }
  }
}
