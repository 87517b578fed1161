import Foundation
import TailraceWire
import Testing

@testable import tailrace

@Suite struct CallCommandTests {
  @Test func `a request is an argument, standard input or a file, and {} without`() throws {
    let broker = try Broker()
    try broker.createTopic("page_views")
    try broker.createTopic("errors")
    let request = #"{"prefix":"page_"}"#
    let file = try broker.directory.file("request.json", request.utf8)
    for outcome in [
      try broker.run(["call", "AdminService/ListTopics", request]),
      try broker.run(["call", "tailrace.v1.AdminService/ListTopics", "-"], input: request.utf8),
      try broker.run(["call", "/tailrace.v1.AdminService/ListTopics", "@\(file)"]),
    ] {
      #expect(outcome.status == 0)
      #expect(outcome.lines.count == 1)
      #expect(outcome.text.contains(#""name":"page_views""#))
      #expect(!outcome.text.contains("errors"))
    }
    #expect(try broker.output(of: ["call", "AdminService/ListTopics"]).contains(#""name":"errors""#))
  }

  @Test func `bytes are base64, 64-bit numbers strings, enums names, and defaults are printed`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let produced = try broker.output(of: [
      "call", "LogService/Produce",
      #"{"acks":"ACKS_WRITTEN","targets":"#
        + #"[{"topic":"t","records":[{"value":"AP8=","timestampMs":"5"}]},{"topic":"no"}]}"#,
    ])
    #expect(produced.contains(#""records":[{"partition":0,"offset":"0"}]"#), "\(produced)")
    #expect(produced.contains(#""code":"ERROR_CODE_UNKNOWN_TOPIC""#), "\(produced)")
    let fetched = try broker.output(of: [
      "call", "LogService.Fetch", #"{"targets":[{"topic":"t","partition":0,"offset":0}],"decode":true}"#,
    ])
    #expect(fetched.contains(#""value":"AP8=""#), "\(fetched)")
    #expect(fetched.contains(#""timestampMs":"5""#))
  }

  @Test func `a status becomes an exit code and one line`() throws {
    let broker = try Broker()
    let missing = try broker.run(["call", "AdminService/DescribeTopic", #"{"name":"nope"}"#])
    #expect(missing.status == 13)
    #expect(missing.errorLines == ["tailrace: there is no topic 'nope' (UNKNOWN_TOPIC)"])
    #expect(try broker.run(["call", "LogService/Fetch"]).status == 11)
  }

  @Test func `a call that takes too long exits with 12`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let outcome = try broker.run([
      "call", "LogService/Fetch", #"{"targets":[{"topic":"t"}],"maxWaitMs":60000}"#, "--timeout", "0.2",
    ])
    #expect(outcome.status == 12, "\(outcome.errors)")
    #expect(outcome.errors.contains("DEADLINE_EXCEEDED"))
  }

  @Test func `names that do not exist are told of in one line`() throws {
    let unknown = try runTool(["call", "LogService/Fetsh"])
    #expect(unknown.errorLines == ["tailrace: there is no method 'LogService/Fetsh'; did you mean LogService/Fetch?"])
  }

  @Test func `a stream's responses are a line each, as they come, until it ends or is given up`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let request = #"{"targets": [{"topic": "t"}], "decode": true}"#
    let call = try broker.start(["call", "LogService/Subscribe", request])
    for text in ["one", "two"] {
      _ = try broker.output(of: ["produce", "t"], input: "\(text)\n".utf8)
      #expect(try call.readLine().contains(Data(text.utf8).base64EncodedString()))
    }
    call.send(SIGINT)
    #expect(try call.wait().status == 130)
    let late = try broker.run(["call", "LogService/Subscribe", request, "--timeout", "0.2"])
    #expect(late.lines.count == 1)
    #expect(late.status == 12, "\(late.errors)")
    #expect(late.errorLines.count == 1)
    let gone = try broker.run(["call", "LogService/Subscribe", #"{"targets": [{"topic": "x"}]}"#])
    #expect(gone.status == 0 && gone.lines.count == 1, "\(gone.errors)")
    #expect(gone.lines.first?.contains("UNKNOWN_TOPIC") == true)
  }

  @Test func `several requests in a row have a line of response each`() throws {
    let broker = try Broker()
    for name in ["a", "b"] { try broker.createTopic(name) }
    let input = #"{"name":"a"} {"name":"b"}"# + "\n\n{\n\"name\": \"a\"\n}\n"
    let outcome = try broker.run(["call", "AdminService/DescribeTopic", "-"], input: input.utf8)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let names = try outcome.lines.map { line in
      let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return (json?["topic"] as? [String: Any])?["name"] as? String
    }
    #expect(names == ["a", "b", "a"])
    #expect(try broker.run(["call", "AdminService/DescribeTopic", "-"]).output.isEmpty)
  }

  @Test func `each request is answered before the next one is read`() throws {
    let broker = try Broker()
    let call = try broker.start(["call", "AdminService/Ping", "-"])
    for payload in ["YQ==", "Yg=="] {
      try call.write("{\"payload\":\"\(payload)\"}")
      #expect(try call.readLine() == "{\"payload\":\"\(payload)\"}")
    }
    try call.closeInput()
    #expect(try call.wait().status == 0)
  }

  @Test func `the first request that fails ends it and is told by its place, unless it is to go on`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let input = "{\"name\":\"a\"}\n{\"name\":\"nope\"}\n{\"names\":\"a\"}\n{\"name\":\"a\"}\n"
    let command = ["call", "AdminService/DescribeTopic", "-"]
    let stopped = try broker.run(command, input: input.utf8)
    #expect(stopped.status == 13)
    #expect(stopped.lines.count == 1)
    #expect(stopped.errorLines == ["tailrace: request 2 (line 2): there is no topic 'nope' (UNKNOWN_TOPIC)"])
    let whole = try broker.run(command + ["--keep-going"], input: input.utf8)
    #expect(whole.status == 13)
    #expect(whole.lines.count == 2)
    #expect(
      whole.errorLines.last
        == "tailrace: request 3 (line 3): names: no such field in tailrace.v1.DescribeTopicRequest; did you mean 'name'?"
    )
  }

  @Test func `unknown fields are refused with their path, or left out`() throws {
    let broker = try Broker()
    let request = #"{"targets":[{},{"topics":"x"}]}"#
    let refused = try broker.run(["call", "LogService/Fetch", request])
    #expect(refused.status == 64)
    #expect(refused.errors.contains("targets[1].topics: no such field"), "\(refused.errors)")
    let ping = #"{"payload":"YQ==","colour":{"a":[1]}}"#
    #expect(
      try broker.output(of: ["call", "AdminService/Ping", ping, "--allow-unknown-fields"]) == #"{"payload":"YQ=="}"#
        + "\n")
  }

  @Test func `fields are read by either name, enums by number, numbers from strings`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 3)
    for request in [#"{"page_size":"1"}"#, #"{"pageSize":1e0}"#] {
      #expect(try broker.output(of: ["call", "AdminService/ListTopics", request]).contains(#""name":"t""#))
    }
    let query = #"{"queries":[{"topic":"t","position":2}]}"#
    #expect(try broker.output(of: ["call", "LogService/ListOffsets", query]).contains(#""offset":"0""#))
  }

  @Test func `headers are sent, and -v tells times, sizes and metadata both ways`() async throws {
    let server = try await FakeBroker(metadata: [Metadata(key: "region", value: "north")])
    let call = ["call", "AdminService/Ping", #"{"payload":"YWJj"}"#, "--server", server.address]
    let outcome = try runTool(call + ["-v", "--header", "trace=1", "-H", "b=x=y", "-H", "c: d=e: f", "--timeout", "5"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.text == #"{"payload":""}"# + "\n")
    let header = try #require(server.headers.first)
    #expect(
      header.metadata == [
        Metadata(key: "trace", value: "1"), Metadata(key: "b", value: "x=y"), Metadata(key: "c", value: "d=e: f"),
      ])
    #expect(header.timeoutMs == 5_000)
    let lines = outcome.errorLines
    #expect(lines.count == 7, "\(outcome.errors)")
    #expect(lines[0].hasPrefix("* connected to \(server.address) in "))
    #expect(lines[1] == "> tailrace.v1.AdminService/Ping, 5 bytes, 5.00 s at most")
    #expect(lines[2...4] == ["> trace: 1", "> b: x=y", "> c: d=e: f"])
    #expect(lines[5].hasPrefix("< OK, 0 bytes, in "))
    #expect(lines[6] == "< region: north")
    #expect(try runTool(call).errors.isEmpty)
    try await server.stop()
  }

  @Test func `more metadata than a header holds is refused`() throws {
    let broker = try Broker()
    let call = ["call", "AdminService/Ping"]
    let many = (0..<65).flatMap { ["-H", "k\($0)=v"] }
    #expect(try broker.run(call + many).errors.contains("64 are the most"))
    let long = try broker.run(call + ["-H", "k=" + String(repeating: "v", count: 20_000)])
    #expect(long.status == 11)
    #expect(long.errorLines.count == 1, "\(long.errors)")
  }
}
