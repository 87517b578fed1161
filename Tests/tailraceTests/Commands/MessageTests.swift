import Foundation
import Testing

@testable import tailrace

/// What commands say where something is wrong: what it is, and what would be right.
@Suite struct MessageTests {
  @Test(arguments: [
    (["consume", "t", "--from", "yesterday"], "such as -5m"), (["consume", "t", "--from", "5m"], "such as -5m"),
    (["topic", "list", "--server", "localhost"], "HOST:PORT, such as 127.0.0.1:7171"),
    (["config", "set", "t", "novalue"], "NAME=VALUE"),
    (
      ["produce", "t", "--format", "jsn"], "'--format <format>': it is one of text, nul, length, hex, whole, json; see"
    ),
    (["consume", "t", "--format", "jsn"], "json"),
    (["topic", "add-partitions", "t", "--count", "3"], "Unknown option '--count'"),
    (["call", "AdminService/Ping", "-H", "Upper: 1"], "KEY=VALUE"),
  ])
  func `a bad value is told with what is right`(arguments: [String], text: String) throws {
    let outcome = try runTool(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains(text), "\(outcome.errors)")
  }

  @Test func `a topic that goes away while it is read is told as that`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let consumer = try broker.start(["consume", "t"])
    try broker.output(of: ["produce", "t"], input: "a\n".utf8)
    #expect(try consumer.readLine() == "a")
    try broker.output(of: ["topic", "delete", "t", "--yes"])
    let outcome = try consumer.wait()
    #expect(outcome.status == 13 || outcome.status == 17)
    #expect(outcome.errors.hasPrefix("tailrace: topic 't' was deleted"), "\(outcome.errors)")
  }

  @Test func `a call that takes too long names the option for it`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let request = #"{"targets": [{"topic": "t"}]}"#
    let outcome = try broker.run(["call", "LogService/Subscribe", request, "--timeout", "0.3"])
    #expect(outcome.status == 12)
    #expect(
      outcome.errors == "tailrace: given up after 0.3 seconds (DEADLINE_EXCEEDED); --timeout gives it longer\n")
  }

  @Test func `what cannot be read or is not there is named once`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    #expect(try broker.run(["produce", "t", "--file", "/"]).errors.hasPrefix("tailrace: cannot read '/': "))
    let group = try broker.run(["group", "delete", "x", "--yes"])
    #expect(group.errors.hasPrefix("tailrace: there is no group 'x'"), "\(group.errors)")
    let topic = try broker.run(["produce", "a\u{1B}[31m b"])
    #expect(!topic.errors.contains("topic create"), "\(topic.errors)")
    #expect(!topic.errors.contains("\u{1B}"))
  }

  @Test func `a request that is wrong is a usage error on the command line, and 11 in input`() throws {
    let broker = try Broker()
    let file = try broker.directory.file("request", "{".utf8)
    for (arguments, input) in [
      (["call", "AdminService/Ping", "-"], "{\"x\":1}\n"), (["call", "AdminService/Ping", "-"], "{"),
      (["call", "AdminService/Ping", "@\(file)"], ""), (["rpc", "encode", "PingRequest"], "{"),
      (["rpc", "decode", "PingRequest"], "?\n"), (["rpc", "decode", "PingRequest"], "CgM=\n"),
      (["rpc", "decode", "PingRequest", "--binary"], "\u{0A}\u{03}"),
    ] {
      let outcome = try runTool(
        arguments + (arguments[0] == "call" ? ["--server", broker.address] : []), input: Array(input.utf8))
      #expect(outcome.status == 11, "\(arguments): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1)
    }
    for arguments in [["call", "AdminService/Ping", "{"], ["rpc", "encode", "PingRequest", "{"]] {
      #expect(try runTool(arguments).status == 64)
    }
  }

  @Test func `milliseconds since 1970 are a place to begin, as a template prints them`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let input = (1...3).map { "{\"value\":\"\($0)\",\"timestamp\":\($0)000}\n" }.joined()
    try broker.output(of: ["produce", "t", "--format", "json"], input: input.utf8)
    let stamps = try broker.run(["consume", "t", "--exit-at-end", "--format", "@%T\\n"]).lines
    #expect(stamps == ["@1000", "@2000", "@3000"])
    #expect(try broker.run(["consume", "t", "--exit-at-end", "--from", stamps[1]]).lines == ["2", "3"])
    #expect(try broker.run(["consume", "t", "--exit-at-end", "--to", stamps[1]]).lines == ["1"])
    for text in ["@", "@-1", "@x", "@1.5"] {
      #expect(try broker.run(["consume", "t", "--from", text]).status == 64)
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/protoc")))
  func `schemas are found under an import path, and a missing import names the option`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let root = broker.directory.path + "/pb"
    try FileManager.default.createDirectory(atPath: root + "/shop", withIntermediateDirectories: true)
    try Data("syntax = \"proto3\"; package shop; message Line { int64 cents = 1; }".utf8)
      .write(to: URL(fileURLWithPath: root + "/shop/line.proto"))
    try Data(
      "syntax = \"proto3\"; package shop; import \"shop/line.proto\"; message Order { Line line = 1; }".utf8
    ).write(to: URL(fileURLWithPath: root + "/shop/order.proto"))
    let environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "TAILRACE_SERVER": broker.address]
    let produce = ["produce", "t", "--type", "shop.Order"]
    let found = try runTool(
      produce + ["--proto", "shop/order.proto", "--proto-path", root],
      input: Array(#"{"line":{"cents":"5"}}"#.utf8), environment: environment)
    #expect(found.text == "produced 1 record\n", "\(found.errors)")
    let missing = try runTool(produce + ["--proto", root + "/shop/order.proto"], environment: environment)
    #expect(missing.status == 64)
    #expect(missing.errors.contains("--proto-path"), "\(missing.errors)")
    let nowhere = try runTool(
      produce + ["--proto", "shop/none.proto", "--proto-path", root], environment: environment)
    #expect(nowhere.errors.contains("cannot read 'shop/none.proto', nor is it in --proto-path"))
  }
}
