import Foundation
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

  @Test func `names that do not exist and streams are told of in one line`() throws {
    let unknown = try runTool(["call", "LogService/Fetsh"])
    #expect(unknown.errorLines == ["tailrace: there is no method 'LogService/Fetsh'; did you mean LogService/Fetch?"])
    let stream = try runTool(["call", "LogService/Subscribe"])
    #expect(stream.errorLines.count == 1)
    #expect(stream.errors.contains("answers with a stream"))
  }
}
