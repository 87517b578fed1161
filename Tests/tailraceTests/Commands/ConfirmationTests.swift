import Foundation
import Testing

@testable import tailrace

/// What destroys something asks first: on a real terminal.
@Suite struct ConfirmationTests {
  private func terminal(_ broker: Broker, _ arguments: [String]) throws -> TerminalSession {
    try TerminalSession(arguments + ["--server", broker.address])
  }

  private func topics(_ broker: Broker) throws -> [String] {
    try broker.run(["topic", "list"]).lines.dropFirst().map { String($0.prefix { $0 != " " }) }
  }

  @Test(arguments: ["y", "yes", " YES "])
  func `a topic is deleted once that is answered with yes`(answer: String) throws {
    let broker = try Broker()
    try broker.createTopic("a")
    try broker.createTopic("b", partitions: 2)
    try broker.output(of: ["produce", "a"], input: "x\n".utf8)
    let session = try terminal(broker, ["topic", "delete", "a", "b"])
    let question = try session.read(until: "[y/N] ")
    #expect(question.hasPrefix("Delete topic 'a' (1 partition with 1 record, "), "\(question)")
    #expect(question.hasSuffix(" and topic 'b' (2 partitions with 0 records, 0 B)? [y/N] "), "\(question)")
    #expect(try topics(broker) == ["a", "b"])
    try session.type(answer + "\n")
    let end = try session.wait()
    #expect(end.status == 0)
    #expect(end.rest.hasSuffix("deleted topic 'a'\r\ndeleted topic 'b'\r\n"), "\(end.rest)")
    #expect(try topics(broker).isEmpty)
  }

  @Test(arguments: ["n\n", "\n", "yesterday\n", "\u{4}"])
  func `any other answer, and the end of the input, leave all as it is and exit with 9`(answer: String) throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let session = try terminal(broker, ["topic", "delete", "a"])
    try session.read(until: "[y/N] ")
    try session.type(answer)
    let end = try session.wait()
    #expect(end.status == 9)
    #expect(end.rest.hasSuffix("tailrace: nothing was changed\r\n"), "\(end.rest)")
    #expect(try topics(broker) == ["a"])
  }

  @Test func `Ctrl-C at the question ends it, and leaves all as it is`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    // What a shell sees, which lives on itself.
    let session = try TerminalSession(
      ["-c", "trap : INT; \"$@\"; exit $?", "sh", Binary.url.path, "topic", "delete", "a", "--server", broker.address],
      program: "/bin/sh")
    try session.read(until: "[y/N] ")
    try session.type("\u{3}")
    #expect(try session.wait().status == 130)
    #expect(try topics(broker) == ["a"])
  }

  @Test func `--yes asks nothing on a terminal either`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let end = try terminal(broker, ["topic", "delete", "a", "--yes"]).wait()
    #expect(end.rest == "deleted topic 'a'\r\n")
    #expect(end.status == 0)
  }

  @Test func `a topic that is not there is told before anything is asked`() throws {
    let broker = try Broker()
    let end = try terminal(broker, ["topic", "delete", "nope"]).wait()
    #expect(end.status == 13)
    #expect(!end.rest.contains("[y/N]"))
  }

  @Test func `a topic that was made anew while it was asked about stays`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let session = try terminal(broker, ["topic", "delete", "a"])
    try session.read(until: "[y/N] ")
    try broker.output(of: ["topic", "delete", "a", "--yes"])
    try broker.createTopic("a")
    try session.type("y\n")
    #expect(try session.wait().status == 17)
    #expect(try topics(broker) == ["a"])
  }

  @Test func `records are deleted once that is answered with yes`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    try broker.output(of: ["produce", "a"], input: "x\ny\n".utf8)
    let trim = ["topic", "trim", "a", "--partition", "0", "--before", "end"]
    for (answer, status) in [("n", 9), ("y", 0)] as [(String, Int32)] {
      let session = try terminal(broker, trim)
      let question = try session.read(until: "[y/N] ")
      #expect(question == "Delete offsets 0 to 2, exclusive, of partition 0 of topic 'a'? [y/N] ")
      try session.type(answer + "\n")
      #expect(try session.wait().status == status)
    }
    #expect(try broker.output(of: ["topic", "describe", "a"]).contains("offsets:    0\n"))
  }

  @Test func `a group's offsets are moved, and the group deleted, once that is answered with yes`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    try broker.output(of: ["produce", "t"], input: "x\ny\n".utf8)
    try broker.output(of: ["consume", "--group", "g", "t", "--exit-at-end"])
    let move = try terminal(broker, ["group", "reset-offsets", "g", "--to", "beginning"])
    let shown = try move.read(until: "[y/N] ")
    #expect(shown.contains("TOPIC  PARTITION  OLD      NEW\r\n"), "\(shown)")
    #expect(shown.hasSuffix("Move the offsets of group 'g' in 1 partition? [y/N] "), "\(shown)")
    try move.type("y\n")
    #expect(try move.wait().status == 0)
    #expect(try broker.output(of: ["group", "describe", "g"]).contains("total lag: 2"))
    for (answer, status) in [("n", 9), ("y", 0)] as [(String, Int32)] {
      let session = try terminal(broker, ["group", "delete", "g"])
      #expect(try session.read(until: "[y/N] ") == "Delete group 'g', with all offsets? [y/N] ")
      try session.type(answer + "\n")
      #expect(try session.wait().status == status)
    }
    #expect(try broker.run(["group", "list"]).lines.count == 1)
  }

  @Test(
    arguments: [
      ["topic", "delete", "a"], ["topic", "trim", "a", "--partition", "0", "--before", "1"], ["group", "delete", "a"],
      ["group", "reset-offsets", "a", "--to", "end"],
    ])
  func `without a terminal --yes is asked for, and no broker`(arguments: [String]) throws {
    let outcome = try runTool(arguments + ["--server", "127.0.0.1:1"])
    #expect(outcome.status == 64)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("add --yes if you mean it"), "\(outcome.errors)")
  }
}
