import Foundation
import Testing

@testable import tailrace

/// `consume --group` against a broker.
@Suite struct GroupConsumeTests {
  /// A broker with topic `t` and its records "0", "1", ..., spread over the partitions.
  private func broker(partitions: Int = 4, records: Int = 0) throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t", partitions: partitions)
    try produce(0..<records, to: broker)
    return broker
  }

  private func produce(_ numbers: Range<Int>, to broker: Broker) throws {
    for partition in 0..<4 {
      let lines = numbers.filter { $0 % 4 == partition }.map { "\($0)\n" }.joined()
      guard !lines.isEmpty else { continue }
      try broker.output(of: ["produce", "t", "--partition", "\(partition)"], input: lines.utf8)
    }
  }

  private let consume = ["consume", "--group", "g", "t"]

  /// How many partitions of `t` each member owns, in ascending order, once all of them are owned.
  private func shares(_ broker: Broker) throws -> [Int] {
    let text = try broker.output(of: ["group", "describe", "g", "--output", "json"])
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    guard json["state"] as? String == "stable", let members = json["members"] as? [[String: Any]] else { return [] }
    return members.map { member in
      (member["owned"] as? [[String: Any]] ?? []).reduce(0) { $0 + (($1["partitions"] as? [Int])?.count ?? 0) }
    }.sorted()
  }

  /// Asks until the group's shares are these; the processes' watchdogs bound the wait.
  private func awaitShares(_ wanted: [Int], _ broker: Broker) throws {
    for _ in 0..<300 {
      if try shares(broker) == wanted { return }
    }
    Issue.record("the shares are \(try shares(broker)), not \(wanted)")
  }

  @Test func `the group goes on where it was, whoever reads`() throws {
    let broker = try broker(records: 100)
    let first = try broker.run(consume + ["--max", "30"])
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.lines.count == 30)
    let rest = try broker.run(consume + ["--exit-at-end"])
    #expect(rest.status == 0, "\(rest.errors)")
    #expect((first.lines + rest.lines).compactMap { Int($0) }.sorted() == Array(0..<100))
    #expect(try broker.run(consume + ["--exit-at-end"]).lines.isEmpty)
    try produce(100..<104, to: broker)
    #expect(try broker.run(consume + ["--exit-at-end"]).lines.count == 4)
    #expect(try broker.run(["consume", "--group", "other", "t", "--exit-at-end"]).lines.count == 104)
  }

  @Test func `several topics, or all that a pattern matches, are read together`() throws {
    let broker = try broker(records: 4)
    for topic in ["t2", "u"] {
      try broker.createTopic(topic)
      try broker.output(of: ["produce", topic], input: "of \(topic)\n".utf8)
    }
    let named = try broker.run(["consume", "--group", "a", "t", "u", "--exit-at-end", "--format", "json"])
    #expect(named.lines.count == 5, "\(named.errors)")
    #expect(named.lines.contains { $0.hasPrefix(#"{"topic":"u","partition":0,"offset":0,"#) })
    let matched = try broker.run(["consume", "--group", "b", "--topic-pattern", "t.*", "--exit-at-end"])
    #expect(matched.lines.sorted() == ["0", "1", "2", "3", "of t2"], "\(matched.errors)")
  }

  @Test func `--from says where to begin where the group has never been, and only there`() throws {
    let broker = try broker(records: 8)
    let end = consume + ["--from", "end", "--exit-at-end"]
    #expect(try broker.run(end).lines.isEmpty)
    try produce(8..<12, to: broker)
    #expect(try broker.run(end).lines.sorted() == ["10", "11", "8", "9"])
  }

  @Test func `an unknown topic among several is an error that names it`() throws {
    let broker = try broker()
    let outcome = try broker.run(["consume", "--group", "g", "t", "nope"])
    #expect(outcome.status == 13)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("tailrace topic create nope"))
  }

  @Test func `members that come and go share the partitions, and each record is printed once`() throws {
    let broker = try broker(records: 40)
    let first = try broker.start(consume + ["--client-id", "first"])
    var seen = try (0..<40).map { _ in try first.readLine() }
    let second = try broker.start(consume + ["--client-id", "second"])
    try awaitShares([2, 2], broker)
    try produce(40..<80, to: broker)
    seen += try (0..<20).map { _ in try first.readLine() }
    seen += try (0..<20).map { _ in try second.readLine() }
    second.send(SIGTERM)
    let ended = try second.wait()
    #expect(ended.status == 143)
    #expect(ended.errors.isEmpty && ended.output.isEmpty)
    try awaitShares([4], broker)
    try produce(80..<120, to: broker)
    seen += try (0..<40).map { _ in try first.readLine() }
    first.send(SIGINT)
    let outcome = try first.wait()
    #expect(outcome.status == 130)
    #expect(outcome.errors.isEmpty && outcome.output.isEmpty)
    #expect(seen.compactMap { Int($0) }.sorted() == Array(0..<120))
    #expect(try broker.run(consume + ["--exit-at-end"]).lines.isEmpty)
  }

  @Test func `after a crash another member goes on, and nothing is missing`() throws {
    let broker = try broker(records: 400)
    let first = try broker.start(consume + ["--session-timeout", "1", "--commit-interval", "0.01"])
    var seen = try (0..<100).map { _ in try first.readLine() }
    first.kill()
    // What it printed and nobody has read yet is in the pipe.
    seen += try first.wait().lines
    let second = try broker.run(consume + ["--exit-at-end"])
    #expect(second.status == 0, "\(second.errors)")
    #expect(Set((seen + second.lines).compactMap { Int($0) }) == Set(0..<400))
  }

  @Test func `a reader that goes away ends it quietly, and what was not written is the group's still`() throws {
    let broker = try broker(records: 40)
    let consumer = try broker.start(consume)
    for _ in 0..<40 { _ = try consumer.readLine() }
    try consumer.closeOutput()
    let outcome = try consumer.waitWithoutOutput()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    try awaitEmpty(broker)
    #expect(try broker.run(consume + ["--exit-at-end"]).lines.isEmpty)
  }

  @Test func `a full disk under the output commits nothing of what was not written`() throws {
    let broker = try broker(records: 4)
    let outcome = try broker.run(consume + ["--exit-at-end"], outputPath: "/dev/full")
    #expect(outcome.status == 10)
    #expect(outcome.errors == "tailrace: cannot write the output: no space left on device\n")
    #expect(try broker.run(consume + ["--exit-at-end"]).lines.count == 4)
  }

  @Test func `a static member that starts again fences the one before, which ends with 17`() throws {
    let broker = try broker(records: 4)
    let named = consume + ["--instance-id", "i"]
    let first = try broker.start(named)
    for _ in 0..<4 { _ = try first.readLine() }
    let second = try broker.start(named)
    let outcome = try first.wait()
    #expect(outcome.status == 17)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("by another process with the same instance id"), "\(outcome.errors)")
    try awaitShares([4], broker)
    second.send(SIGINT)
    #expect(try second.wait().status == 130)
  }

  @Test func `a broker that is away is waited for, which is told once, and so is its return`() throws {
    let broker = try broker(records: 4)
    let consumer = try broker.start(consume + ["--session-timeout", "5"])
    for _ in 0..<4 { _ = try consumer.readLine() }
    broker.kill()
    let lost = try consumer.readErrorLine()
    #expect(lost.hasPrefix("tailrace: connection lost: ") && lost.hasSuffix("; trying again"), "\(lost)")
    try broker.restart()
    #expect(try consumer.readErrorLine() == "tailrace: connected again")
    try produce(4..<8, to: broker)
    // What was printed and not committed before may come again.
    var seen: Set<String> = []
    while !seen.isSuperset(of: ["4", "5", "6", "7"]) { seen.insert(try consumer.readLine()) }
    consumer.send(SIGINT)
    let outcome = try consumer.wait()
    #expect(outcome.status == 130)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(try broker.run(consume + ["--exit-at-end"]).lines.isEmpty)
  }

  @Test func `who ends while the broker is away says that the last offsets are not committed`() throws {
    let broker = try broker(records: 4)
    let consumer = try broker.start(consume + ["--commit-interval", "3600"])
    for _ in 0..<4 { _ = try consumer.readLine() }
    broker.kill()
    _ = try consumer.readErrorLine()
    consumer.send(SIGTERM)
    let outcome = try consumer.wait()
    #expect(outcome.status == 143)
    #expect(
      outcome.errorLines.last == "tailrace: the last offsets are not committed: these records will come again",
      "\(outcome.errors)")
  }

  private func awaitEmpty(_ broker: Broker) throws {
    for _ in 0..<300 {
      if try broker.output(of: ["group", "list"]).contains("empty") { return }
    }
    Issue.record("the group has members still")
  }

  @Test func `a member is told once of a topic that is deleted, and goes on with the others`() throws {
    let broker = try Broker()
    try broker.createTopic("gone", partitions: 3)
    try broker.createTopic("kept")
    let member = try broker.start(["consume", "--group", "g", "gone", "kept"])
    for topic in ["gone", "kept"] {
      try broker.output(of: ["produce", topic], input: "\(topic)\n".utf8)
      #expect(try member.readLine() == topic)
    }
    try broker.output(of: ["topic", "delete", "gone", "--yes"])
    #expect(try member.readErrorLine() == "tailrace: topic 'gone' was deleted; nothing more comes of it")
    try broker.output(of: ["produce", "kept"], input: "more\n".utf8)
    #expect(try member.readLine() == "more")
    member.send(SIGINT)
    let outcome = try member.wait()
    #expect(outcome.status == 130)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
  }
}
