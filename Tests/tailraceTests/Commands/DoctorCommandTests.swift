import Foundation
import TailraceTestSupport
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

  @Test func `who is no broker, or says nothing, gets a hint that fits`() async throws {
    let silent = try await SilentServer.start()
    let stuck = try runTool(["doctor", "--server", silent.address])
    #expect(stuck.status == 22)
    #expect(stuck.lines[1].hasSuffix("accepted the connection and then said nothing"), "\(stuck.text)")
    #expect(stuck.lines[2].hasPrefix("         hint: something listens there and is stuck, or is no broker"))
    await silent.stop()
    for (answer, words) in [
      ("HTTP/1.1 400 Bad Request\r\n\r\n", "is no Tailrace broker: it speaks HTTP"),
      ("SSH-2.0-OpenSSH_9.6\r\n", "is no Tailrace broker: it speaks another protocol"),
    ] {
      let server = try await FakeServer(saying: Array(answer.utf8), closes: false)
      let outcome = try runTool(["doctor", "--server", server.address])
      #expect(outcome.status == 22)
      #expect(outcome.lines[1].hasSuffix(words), "\(outcome.text)")
      #expect(outcome.lines[2].hasPrefix("         hint: something else listens there"))
      try await server.stop()
    }
    let later = try await FakeServer(saying: Array("TRPC".utf8) + [0, 2, 3, 0], closes: false)
    let outcome = try runTool(["doctor", "--server", later.address])
    #expect(outcome.status == 20)
    #expect(outcome.lines[1].hasSuffix("speaks protocol versions 2 to 3, this client 1"), "\(outcome.text)")
    #expect(outcome.lines[2].hasPrefix("         hint: use the tool of the broker's release"))
    try await later.stop()
  }

  @Test func `a damaged file of contexts gets a hint that helps`() throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: directory.path + "/tailrace", withIntermediateDirectories: true)
    _ = try directory.file("tailrace/contexts.json", "{".utf8)
    let outcome = try runTool(["doctor"], environment: ["XDG_CONFIG_HOME": directory.path])
    #expect(outcome.status == 64)
    #expect(outcome.lines.last == "         hint: give --server, which needs no contexts")
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
