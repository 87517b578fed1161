import Testing

@testable import tailrace

/// What is different on a real terminal.
@Suite struct TerminalTests {
  @Test func `a response is indented on a terminal, and a line each where there are several`() throws {
    let broker = try Broker()
    let call = ["call", "AdminService/Ping", #"{"payload":"YQ=="}"#, "--server", broker.address]
    #expect(try TerminalSession(call).wait().rest == "{\r\n  \"payload\": \"YQ==\"\r\n}\r\n")
    let typed = try TerminalSession(["call", "AdminService/Ping", "-", "--server", broker.address])
    try typed.type("{\"payload\":\"Yg==\"}\n")
    try typed.read(until: "\r\n")
    try typed.read(until: "{\"payload\":\"Yg==\"}\r\n")
    try typed.type("\u{4}")
    #expect(try typed.wait().status == 0)
  }

  @Test func `--watch draws on the terminal's second screen, and Ctrl-C gives the first back`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    try broker.output(of: ["consume", "--group", "g", "t", "--exit-at-end"])
    let watch = try TerminalSession([
      "group", "describe", "g", "--watch", "--interval", "0.01", "--server", broker.address,
    ])
    try watch.read(until: "\u{1B}[?1049h")
    for _ in 0..<3 { try watch.read(until: "group:     g") }
    try watch.type("\u{3}")
    let end = try watch.wait()
    #expect(end.status == 130)
    #expect(end.rest.contains("\u{1B}[?1049l"))
  }

  @Test(
    arguments: [
      ["topic", "list"], ["topic", "describe", "t"], ["group", "list"], ["config", "get", "t"],
      ["cluster", "describe"],
      ["doctor"],
    ])
  func `tables have no codes for the terminal in them`(arguments: [String]) throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let end = try TerminalSession(arguments + ["--server", broker.address]).wait()
    #expect(end.status == 0)
    #expect(!end.rest.isEmpty)
    #expect(!end.rest.contains("\u{1B}"))
  }
}
