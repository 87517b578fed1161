import Testing

@testable import tailrace

/// `produce` and `consume` on a terminal.
@Suite struct RecordTerminalTests {
  private func broker(_ values: String = "") throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t")
    if !values.isEmpty { try broker.output(of: ["produce", "t"], input: values.utf8) }
    return broker
  }

  private func session(
    _ broker: Broker, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> TerminalSession {
    try TerminalSession(arguments + ["--server", broker.address], environment: environment)
  }

  @Test func `a count and a rate are shown while a file is sent, and are gone at the end`() throws {
    let broker = try broker()
    let file = try broker.directory.file("input", String(repeating: "x\n", count: 2_000).utf8)
    let session = try session(broker, ["produce", "t", "--file", file, "--rate", "1500"])
    try session.read(until: " records/s")
    let (status, rest) = try session.wait()
    #expect(status == 0)
    #expect(session.screen.contains(/\r\u{1B}\[K\d+ records?, \d+ records\/s/))
    #expect(rest.hasSuffix("\r\u{1B}[Kproduced 2000 records\r\n"), "\(rest)")
  }

  @Test func `a count is cut where the terminal is narrow, so that it stays on one line`() throws {
    let broker = try broker()
    let file = try broker.directory.file("input", String(repeating: "x\n", count: 2_000).utf8)
    let session = try TerminalSession(
      ["produce", "t", "--file", file, "--rate", "1500", "--server", broker.address], columns: 12)
    try session.read(until: "record\r")
    #expect(try session.wait().status == 0)
    for line in session.screen.split(separator: "\u{1B}[K").dropLast() {
      #expect(line.prefix { $0 != "\r" }.count < 12, "\(line)")
    }
  }

  @Test func `Ctrl-C stops a file, and exactly what was acknowledged is told`() throws {
    let broker = try broker()
    let file = try broker.directory.file("input", String(repeating: "x\n", count: 100_000).utf8)
    let session = try session(broker, ["produce", "t", "--file", file, "--rate", "1000"])
    try session.read(until: " records/s")
    try session.type("\u{03}")
    let (status, rest) = try session.wait()
    #expect(status == 130)
    let told = try #require(rest.firstMatch(of: /interrupted; (\d+) records? (?:was|were) acknowledged/))
    let stored = try broker.output(of: ["consume", "t", "--exit-at-end", "--count"])
    #expect(stored == "\(told.1)\n")
  }

  @Test func `who types records sees no count among them, and Ctrl-D is the end`() throws {
    let broker = try broker()
    let session = try session(broker, ["produce", "t"])
    for text in ["one", "two"] { try session.type("\(text)\n") }
    try session.type("\u{04}")
    let (status, _) = try session.wait()
    #expect(status == 0)
    #expect(session.screen == "one\r\ntwo\r\nproduced 2 records\r\n")
  }

  @Test func `an object is in colours on a terminal`() throws {
    let broker = try broker("v\n")
    let session = try session(broker, ["consume", "t", "--exit-at-end", "--format", "json"])
    let (status, rest) = try session.wait()
    #expect(status == 0)
    #expect(rest.contains("\u{1B}[34;1m\"value\"\u{1B}[0m:\u{1B}[32m\"v\"\u{1B}[0m"), "\(rest)")
  }

  @Test(arguments: [["NO_COLOR": "1"], ["TERM": "dumb"]])
  func `colours are off where somebody wants none`(environment: [String: String]) throws {
    let broker = try broker("v\n")
    for format in ["json", #"%t %k %v\n"#] {
      let command = ["consume", "t", "--exit-at-end", "--format", format]
      let (status, rest) = try session(broker, command, environment: environment).wait()
      #expect(status == 0)
      #expect(!rest.contains("\u{1B}") && rest.contains("v"), "\(rest)")
    }
  }

  @Test func `colours are on or off as told, and off in a pipe`() throws {
    let broker = try broker("v\n")
    let command = ["consume", "t", "--exit-at-end", "--format", "json"]
    #expect(try !broker.output(of: command).contains("\u{1B}"))
    #expect(try broker.output(of: command + ["--color", "always"]).contains("\u{1B}[32m"))
    #expect(try !session(broker, command + ["--color", "never"]).wait().rest.contains("\u{1B}"))
  }

  @Test func `while the broker is away, a second Ctrl-C ends a member of a group at once`() throws {
    let broker = try broker("one\ntwo\n")
    let session = try session(broker, ["consume", "t", "--group", "g"])
    try session.read(until: "two\r\n")
    broker.kill()
    try session.type("\u{03}")
    try session.read(until: "once more ends at once")
    let told = ContinuousClock.now
    try session.type("\u{03}")
    #expect(try session.wait().status == 130)
    // By itself it would go on for three seconds.
    #expect(ContinuousClock.now - told < .seconds(2))
  }

  @Test(arguments: [[], ["--group", "g"]])
  func `Ctrl-C ends consume between two records, with nothing else on the screen`(options: [String]) throws {
    let broker = try broker("one\ntwo\n")
    let session = try session(broker, ["consume", "t"] + options)
    try session.read(until: "two\r\n")
    try session.type("\u{03}")
    let (status, rest) = try session.wait()
    #expect(status == 130)
    #expect(rest == "^C", "\(rest)")
  }
}
