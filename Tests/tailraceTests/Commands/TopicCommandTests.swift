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
    #expect(description.split(separator: "\n").count == 5 + 1 + 3)
    let grown = try broker.run(["topic", "add-partitions", "orders", "--partitions", "5"])
    #expect(grown.text == "topic 'orders' has 5 partitions now\n")
    #expect(grown.errorLines.count == 1)
    #expect(grown.errors.contains("warning: keys of 'orders' map to other partitions"))
    #expect(try broker.output(of: ["topic", "delete", "orders"]) == "deleted topic 'orders'\n")
    #expect(try broker.run(["topic", "list"]).lines == ["TOPIC  PARTITIONS", "one             1"])
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
      (["topic", "delete", "nope"], 13, "UNKNOWN_TOPIC"),
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
