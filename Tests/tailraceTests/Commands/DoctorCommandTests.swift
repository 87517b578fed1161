import Foundation
import Testing

@testable import tailrace

@Suite struct DoctorCommandTests {
  @Test func `a broker that is well has a line for each check`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let outcome = try broker.run(["doctor"])
    #expect(outcome.status == 0, "\(outcome.text)")
    let checks = outcome.lines.filter { !$0.hasPrefix(" ") }.map { $0.split(separator: " ")[1] }
    #expect(checks == ["server", "connection", "version", "latency", "clock", "disk", "limits", "topics"])
    #expect(!outcome.text.contains("failure"))
    for line in try broker.run(["doctor", "-o", "json"]).lines {
      let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(Set(json.keys) == ["check", "state", "detail", "hint"])
    }
  }

  @Test func `without a broker the connection fails with a hint, and 22`() throws {
    let outcome = try runTool(["doctor", "--server", "127.0.0.1:1"])
    #expect(outcome.status == 22)
    #expect(outcome.lines.count == 3)
    #expect(outcome.lines[0] == "ok       server      127.0.0.1:1, from the command line")
    #expect(outcome.lines[1].hasPrefix("failure  connection  cannot connect to 127.0.0.1:1"))
    #expect(outcome.lines[2].hasPrefix("         hint: "))
    #expect(outcome.errors.isEmpty)
  }

  @Test func `a context that is not there is a failure like others`() throws {
    let outcome = try runTool(["doctor", "--context", "x", "-o", "json"])
    #expect(outcome.status == 13)
    #expect(outcome.text.hasPrefix(#"{"check":"server","state":"failure","detail":"there is no context 'x'"#))
  }

  @Test func `a disk with less than the reserve fails with 16`() throws {
    let broker = try Broker(["--disk-reserve-mib", "16777216"])
    let outcome = try broker.run(["doctor"])
    #expect(outcome.status == 16, "\(outcome.text)")
    #expect(outcome.text.contains("failure  disk "))
    #expect(outcome.text.contains("hint: produces are refused"))
  }
}
