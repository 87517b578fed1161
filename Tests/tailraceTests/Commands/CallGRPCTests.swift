import Foundation
import NIOCore
import NIOHPACK
import NIOHTTP2
import TailraceWire
import Testing

@testable import tailrace

/// `call --grpc` against a broker: what the native door gives, the gRPC door gives too.
@Suite struct CallGRPCTests {
  private static func subscribe(_ topic: String) -> [String] {
    ["call", "--grpc", "LogService/Subscribe", "{\"targets\": [{\"topic\": \"\(topic)\"}], \"decode\": true}"]
  }

  @Test func `both doors answer alike, with responses, failures and exit codes`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    for call in [
      ["AdminService/Ping", #"{"payload":"YWJj"}"#],
      ["AdminService/DescribeTopic", #"{"name":"t"}"#],
      ["AdminService/DescribeTopic", #"{"name":"100% nöpe"}"#],
      ["AdminService/CreateTopic", #"{"name":"t"}"#],
      ["LogService/Fetch"],
      ["LogService/Fetsh"],
      ["AdminService/Ping", #"{"pay":""}"#],
    ] {
      let native = try broker.run(["call"] + call)
      let grpc = try broker.run(["call", "--grpc"] + call)
      #expect(grpc.status == native.status, "\(call)")
      #expect(grpc.text == native.text, "\(call)")
      #expect(grpc.errors == native.errors, "\(call)")
    }
  }

  @Test func `requests in a row go over one connection, and the first failure is told by its place`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    let input = "{\"name\":\"a\"}\n{\"name\":\"nope\"}\n{\"name\":\"a\"}\n"
    let outcome = try broker.run(
      ["call", "--grpc", "AdminService/DescribeTopic", "-", "--keep-going", "-v"], input: input.utf8)
    #expect(outcome.status == 13)
    #expect(outcome.lines.count == 2)
    #expect(outcome.errors.contains("tailrace: request 2 (line 2): there is no topic 'nope' (UNKNOWN_TOPIC)\n"))
    #expect(outcome.errors.components(separatedBy: "* connected to").count == 2)
  }

  @Test func `a call that takes too long exits with 12`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let outcome = try broker.run([
      "call", "--grpc", "LogService/Fetch", #"{"targets":[{"topic":"t"}],"maxWaitMs":60000}"#, "--deadline", "0.2",
    ])
    #expect(outcome.status == 12, "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("--timeout gives it longer"), "\(outcome.errors)")
  }

  @Test func `a stream's responses are a line each, as they come, until its deadline`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let call = try broker.start(Self.subscribe("t"))
    for text in ["one", "two"] {
      _ = try broker.output(of: ["produce", "t"], input: "\(text)\n".utf8)
      #expect(try call.readLine().contains(Data(text.utf8).base64EncodedString()))
    }
    call.send(SIGTERM)
    let ended = try call.wait()
    #expect(ended.status == 143)
    #expect(ended.errors.isEmpty)
    let late = try broker.run(Self.subscribe("t") + ["--timeout", "0.3", "-v"])
    #expect(late.lines.count == 1)
    #expect(late.status == 12, "\(late.errors)")
    #expect(late.errors.contains("< DEADLINE_EXCEEDED, 1 message, "), "\(late.errors)")
  }

  @Test func `a stream of more than the windows hold arrives whole, compressed too`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    // 9 MB; a stream's window is 1 MiB, a connection's 8 MiB.
    let (value, total) = (String(repeating: "0123456789abcdef", count: 40_000), 14)
    _ = try broker.output(of: ["produce", "t"], input: String(repeating: value + "\n", count: total).utf8)
    for (flags, wanted) in [([], total), (["--compress"], 2)] {
      let call = try broker.start(Self.subscribe("t") + flags)
      var count = 0
      while count < wanted {
        let values = try Self.values(of: try call.readLine())
        #expect(values.allSatisfy { $0 == Data(value.utf8) })
        count += values.count
      }
      call.send(SIGINT)
      #expect(try call.wait().status == 130)
    }
  }

  /// The values of the records of a line.
  private static func values(of line: String) throws -> [Data] {
    let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    let records = (json?["partitions"] as? [[String: Any]] ?? []).flatMap { $0["records"] as? [[String: Any]] ?? [] }
    return records.compactMap { ($0["value"] as? String).flatMap { Data(base64Encoded: $0) } }
  }

  @Test func `Ctrl-C on a terminal gives a stream up with 130`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    _ = try broker.output(of: ["produce", "t"], input: "x\n".utf8)
    for grpc in [["--grpc"], []] {
      let arguments = Self.subscribe("t").filter { $0 != "--grpc" }
      let session = try TerminalSession(arguments + grpc + ["--server", broker.address])
      try session.read(until: "eA==")
      try session.type("\u{3}")
      let (status, rest) = try session.wait()
      #expect(status == 130)
      #expect(!rest.contains("tailrace:"), "\(rest)")
    }
  }

  @Test func `Ctrl-C between calls ends it, too`() throws {
    let broker = try Broker()
    let call = try broker.start(["call", "--grpc", "AdminService/Ping", "-"])
    try call.write("{}")
    #expect(try call.readLine() == #"{"payload":""}"#)
    call.send(SIGINT)
    #expect(try call.wait().status == 130)
  }

  @Test func `a broker that dies in mid-stream is told in one line, and one that is not there`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    _ = try broker.output(of: ["produce", "t"], input: "x\n".utf8)
    let call = try broker.start(Self.subscribe("t"))
    _ = try call.readLine()
    broker.kill()
    let outcome = try call.wait()
    #expect(outcome.status == 22)
    #expect(outcome.errorLines == ["tailrace: the connection to \(broker.address) was lost (UNAVAILABLE)"])
    let gone = try broker.run(["call", "--grpc", "AdminService/Ping"])
    #expect(gone.status == 22)
    #expect(gone.errorLines.count == 1)
    #expect(gone.errors.contains("cannot connect to \(broker.address): connection refused"), "\(gone.errors)")
  }

  @Test func `a broker that stops ends streams in order`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    _ = try broker.output(of: ["produce", "t"], input: "x\n".utf8)
    let call = try broker.start(Self.subscribe("t"))
    _ = try call.readLine()
    try broker.stop()
    let outcome = try call.wait()
    #expect(outcome.status == 22, "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1)
  }

  @Test func `metadata that gRPC cannot carry is refused before anything is sent`() throws {
    let call = ["call", "--grpc", "AdminService/Ping", "--server", "127.0.0.1:1"]
    for (header, words) in [
      ("grpc-timeout=1S", "HTTP's or gRPC's own"), ("te=x", "HTTP's or gRPC's own"), ("key-bin=?", "is base64"),
      ("key=é", "send it in base64, as key-bin"), ("key=a\nb", "printable ASCII"),
    ] {
      let outcome = try runTool(call + ["-H", header])
      #expect(outcome.status == 64, "\(header)")
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    #expect(try runTool(["call", "AdminService/Ping", "--compress"]).errors.contains("--compress goes with --grpc"))
    let broker = try Broker()
    let long = try broker.run([
      "call", "--grpc", "AdminService/Ping", "-H", "k=" + String(repeating: "v", count: 20_000),
    ])
    #expect(long.status == 11)
    #expect(long.errorLines.count == 1, "\(long.errors)")
  }

  @Test func `help, manual and completions show the flag`() throws {
    #expect(try runTool(["call", "--help"]).text.contains("--grpc"))
    #expect(try runTool(["man", "call"]).text.contains("grpc"))
    for shell in ["bash", "zsh", "fish"] {
      #expect(try runTool(["completions", shell]).text.contains("grpc"), "\(shell)")
    }
  }
}
