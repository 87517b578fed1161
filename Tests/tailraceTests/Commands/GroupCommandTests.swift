import Foundation
import Testing

@testable import tailrace

/// `tailrace group` against a broker.
@Suite struct GroupCommandTests {
  /// A broker whose group `g` has read the four records of each of `t`'s three partitions.
  private func brokerWithGroup() throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 3)
    for partition in 0..<3 {
      let lines = (0..<4).map { "{\"value\":\"\($0)\",\"timestamp\":\(($0 + 1) * 1_000)}\n" }
      try broker.output(
        of: ["produce", "t", "--format", "json", "--partition", "\(partition)"], input: lines.joined().utf8)
    }
    try broker.output(of: ["consume", "--group", "g", "t", "--exit-at-end"])
    return broker
  }

  private func offsets(_ broker: Broker) throws -> [Int] {
    let text = try broker.output(of: ["group", "describe", "g", "--output", "json"])
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    return (json["partitions"] as? [[String: Any]] ?? []).map { $0["committed"] as? Int ?? -1 }
  }

  @Test func `groups are listed by name, with a prefix those that have it`() throws {
    let broker = try brokerWithGroup()
    try broker.output(of: ["consume", "--group", "other", "t", "--max", "1"])
    #expect(
      try broker.run(["group", "list"]).lines == [
        "GROUP  STATE  MEMBERS", "g      empty        0", "other  empty        0",
      ])
    #expect(try broker.run(["group", "list", "--prefix", "o"]).lines.count == 2)
    #expect(
      try broker.output(of: ["group", "list", "--prefix", "o", "--output", "json"])
        == #"{"group":"other","state":"empty","member_count":0}"# + "\n")
  }

  @Test func `a group is described with its members and its lag`() throws {
    let broker = try brokerWithGroup()
    try broker.output(of: ["produce", "t", "--partition", "1"], input: "x\ny\n".utf8)
    let lines = try broker.run(["group", "describe", "g"]).lines
    #expect(lines.contains("state:     empty"))
    #expect(lines.contains("total lag: 2"))
    #expect(
      lines.last { $0.hasPrefix("t ") }?.split(separator: " ").map(String.init) == ["t", "2", "4", "4", "0", "-"])
  }

  @Test func `--watch on a pipe shows one after the other until SIGINT`() throws {
    let broker = try brokerWithGroup()
    let watch = try broker.start(["group", "describe", "g", "--watch", "--interval", "0.01"])
    for _ in 0..<3 {
      while try watch.readLine() != "group:     g" {}
    }
    watch.send(SIGINT)
    let outcome = try watch.wait()
    #expect(outcome.status == 130)
    #expect(outcome.errors.isEmpty)
    #expect(!outcome.text.contains("\u{1B}"))
    #expect(outcome.text.hasSuffix("\n"))
  }

  @Test func `--watch goes on when the broker is back, and says both in a line`() throws {
    let broker = try brokerWithGroup()
    let watch = try broker.start(["group", "describe", "g", "--watch", "--interval", "0.01", "-o", "json"])
    _ = try watch.readLine()
    broker.kill()
    #expect(try watch.readErrorLine().hasSuffix("; trying again"))
    try broker.restart()
    #expect(try watch.readErrorLine() == "tailrace: connected again")
    while try watch.readLineIfThere() != nil {}
    #expect(try watch.readLine().hasPrefix(#"{"group":"g","state":"empty""#))
    broker.kill()
    #expect(try watch.readErrorLine().hasSuffix("; trying again"))
    watch.send(SIGINT)
    let outcome = try watch.wait()
    #expect(outcome.status == 130)
    #expect(outcome.errors.isEmpty)
  }

  @Test func `--watch ends at once where there is no broker or no such group`() throws {
    let broker = try Broker()
    #expect(try broker.run(["group", "describe", "g", "--watch"]).status == 13)
    broker.kill()
    #expect(try broker.run(["group", "describe", "g", "--watch"]).status == 22)
  }

  @Test func `offsets are moved to a position, by a distance, of some partitions or all`() throws {
    let broker = try brokerWithGroup()
    let reset = ["group", "reset-offsets", "g", "--yes"]
    let dry = try broker.run(reset + ["--to", "beginning", "--dry-run"])
    #expect(dry.status == 0, "\(dry.errors)")
    #expect(dry.lines.dropFirst().allSatisfy { $0.hasSuffix("4  ->    0") })
    #expect(dry.errors.contains("nothing was changed"))
    #expect(try offsets(broker) == [4, 4, 4])
    try broker.output(of: reset + ["--to", "beginning", "--topic", "t:0,2"])
    #expect(try offsets(broker) == [0, 4, 0])
    try broker.output(of: reset + ["--shift-by", "-1", "--topic", "t:1"])
    #expect(try offsets(broker) == [0, 3, 0])
    try broker.output(of: reset + ["--to", "1970-01-01T00:00:02Z", "--topic", "t"])
    #expect(try offsets(broker) == [1, 1, 1])
    try broker.output(of: reset + ["--to", "2"])
    #expect(try offsets(broker) == [2, 2, 2])
    try broker.output(of: reset + ["--to", "end"])
    #expect(try offsets(broker) == [4, 4, 4])
    try broker.output(of: reset + ["--shift-by", "-100"])
    #expect(try offsets(broker) == [0, 0, 0])
    #expect(try broker.run(["consume", "--group", "g", "t", "--exit-at-end"]).lines.count == 12)
  }

  @Test func `what cannot be moved is told line by line, and the rest is moved`() throws {
    let broker = try brokerWithGroup()
    let outcome = try broker.run(["group", "reset-offsets", "g", "--yes", "--to", "0", "--topic", "t:0,7"])
    #expect(outcome.status == 13, "\(outcome.errors)")
    #expect(outcome.errorLines.first?.hasPrefix("tailrace: partition 7 of 't': ") == true)
    #expect(outcome.errorLines.last == "tailrace: moved the offsets of 1 partition")
    #expect(try offsets(broker) == [0, 4, 4])
  }

  @Test func `a group is deleted with its offsets, unless it has members; others are deleted all the same`() throws {
    let broker = try brokerWithGroup()
    try broker.output(of: ["consume", "--group", "a", "t", "--exit-at-end"])
    let consumer = try broker.start(["consume", "--group", "busy", "t"])
    _ = try consumer.readLine()
    let outcome = try broker.run(["group", "delete", "--yes", "nope", "busy", "g", "a"])
    #expect(outcome.status == 13)
    #expect(outcome.text == "deleted group 'g'\ndeleted group 'a'\n")
    #expect(outcome.errorLines.count == 2)
    #expect(outcome.errors.contains("UNKNOWN_GROUP") && outcome.errors.contains("GROUP_NOT_EMPTY"))
    #expect(try broker.run(["group", "reset-offsets", "busy", "--to", "end", "-y"]).status == 17)
    #expect(try broker.run(["group", "delete", "busy", "--dry-run"]).status == 17)
    consumer.send(SIGINT)
    _ = try consumer.wait()
    #expect(try broker.output(of: ["group", "delete", "busy", "--dry-run"]) == "would delete group 'busy'\n")
    #expect(
      try broker.output(of: ["group", "delete", "busy", "--yes", "-o", "json"])
        == #"{"group":"busy","deleted":true}"# + "\n")
    #expect(try broker.run(["group", "describe", "g"]).status == 13)
  }
}
