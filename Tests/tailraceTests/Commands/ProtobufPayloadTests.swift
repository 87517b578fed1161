import Foundation
import Testing

@testable import tailrace

/// `produce --proto` and `consume --proto`: JSON on this side, messages in the topic.
@Suite struct ProtobufPayloadTests {
  private static let schema = """
    syntax = "proto3";
    package shop;
    import "google/protobuf/any.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto";
    message Order {
      string id = 1;
      map<int32, Line> lines = 2;
      google.protobuf.Timestamp at = 3;
      google.protobuf.Any extra = 4;
      google.protobuf.Value free = 5;
      Order inner = 6;
    }
    message Line { int64 cents = 1; }
    """

  private static let orders = [
    #"{"id":"a","lines":{"-1":{"cents":"5"},"7":{}},"at":"2026-01-31T23:59:59.500Z"}"#,
    #"{"extra":{"@type":"x/shop.Line","cents":"-1"},"free":{"k":[1,null,"v"]}}"#,
    #"{"extra":{"@type":"x/no.Such","value":"AP8="}}"#,
    "{}",
  ]

  private let broker: Broker
  private let options: [String]

  init() throws {
    broker = try Broker()
    try broker.createTopic("t")
    options = ["--proto", try broker.directory.file("order.proto", Self.schema.utf8), "--type", "shop.Order"]
  }

  private func run(_ arguments: [String], input: String = "") throws -> Outcome {
    try runTool(
      arguments, input: Array(input.utf8),
      environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "TAILRACE_SERVER": broker.address])
  }

  private func consume(_ more: [String] = []) throws -> [String] {
    let outcome = try run(["consume", "t", "--exit-at-end"] + options + more)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.lines
  }

  @Test func `lines of JSON become messages and come back, blank ones left out`() throws {
    let input = Self.orders.joined(separator: "\n\n") + "\n"
    let produced = try run(["produce", "t", "--key-field", "id"] + options, input: input)
    #expect(produced.text == "produced 4 records\n", "\(produced.errors)")
    #expect(try consume() == Self.orders)
    // What is there is protobuf, and its key is the JSON's.
    let raw = try run(["consume", "t", "--exit-at-end", "--format", "hex", "--key-separator", "="])
    #expect(raw.lines.first?.hasPrefix("61=0a0161") == true, "\(raw.text)")
    #expect(raw.lines.last == "")
  }

  @Test func `with --format json the value is that JSON, absent ones and keys are as ever`() throws {
    let lines =
      Self.orders.map { #"{"key":"k","value":\#($0),"headers":[{"key":"h","value":"x"}]}"# } + [
        #"{"key":"gone","value":null}"#
      ]
    let produced = try run(["produce", "t", "--format", "json"] + options, input: lines.joined(separator: "\n"))
    #expect(produced.text == "produced 5 records\n", "\(produced.errors)")
    let consumed = try consume(["--format", "json"])
    for (line, order) in zip(consumed, Self.orders) {
      #expect(line.contains(#""key":"k","value":\#(order),"headers":["#))
    }
    #expect(consumed.last?.contains(#""key":"gone","value":null"#) == true)
    // And once more from there.
    _ = try run(["produce", "t", "--format", "json"] + options, input: consumed.joined(separator: "\n"))
    #expect(try consume() == Self.orders + [""] + Self.orders + [""])
  }

  @Test func `what is no such message is told by its line and path, and skipped where that is wanted`() throws {
    let input = "{\"id\":\"a\"}\n{\"ids\":1}\n{\"lines\":{\"x\":{}}}\n{\n{\"id\":\"b\"}\n"
    let stopped = try run(["produce", "t"] + options, input: input)
    #expect(stopped.status == 11)
    #expect(stopped.errorLines.count == 1)
    #expect(stopped.errors.contains("line 2: ids: no such field in shop.Order"), "\(stopped.errors)")
    let skipping = try run(["produce", "t", "--on-error", "skip"] + options, input: input)
    #expect(skipping.status == 0)
    #expect(skipping.errors.contains(#"lines["x"]: expected a number"#), "\(skipping.errors)")
    #expect(skipping.errorLines.count == 3)
    #expect(try consume() == [#"{"id":"a"}"#, #"{"id":"a"}"#, #"{"id":"b"}"#])
  }

  @Test func `tombstones, and flags that do not go together`() throws {
    _ = try run(["produce", "t", "--key", "k", "--tombstones"] + options, input: "{}\n\n")
    let lengths = try run(["consume", "t", "--exit-at-end", "--format", #"%S\n"#])
    #expect(lengths.lines == ["0", "-1"])
    for arguments in [
      ["--proto", "x.proto"], ["--type", "a.B"], ["--proto-path", "."], ["--format", "hex"] + options,
    ] {
      #expect(try runTool(["produce", "t"] + arguments).status == 64, "\(arguments)")
    }
  }

  @Test func `messages are nested a hundred levels deep, and no deeper`() throws {
    func order(_ depth: Int) -> String {
      String(repeating: #"{"inner":"#, count: depth) + "{}" + String(repeating: "}", count: depth)
    }
    let produced = try run(
      ["produce", "t", "--on-error", "skip"] + options, input: order(100) + "\n" + order(101) + "\n")
    #expect(produced.text.hasPrefix("produced 1 record"), "\(produced.errors)")
    #expect(try consume() == [order(100)])
  }

  @Test func `rpc encodes and decodes messages of any schema`() throws {
    let schema = Array(options.prefix(2))
    let encoded = try run(["rpc", "encode", "shop.Order", Self.orders[0]] + schema)
    #expect(encoded.status == 0, "\(encoded.errors)")
    #expect(try run(["rpc", "decode", "shop.Order"] + schema, input: encoded.text).lines == [Self.orders[0]])
    let unknown = try run(["rpc", "decode", "shop.Ordr"] + schema)
    #expect(unknown.status == 64 && unknown.errors.contains("no message 'shop.Ordr'"), "\(unknown.errors)")
  }
}
