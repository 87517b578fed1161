import Foundation
import Testing

@testable import tailrace

/// What `consume` prints, of which records.
@Suite struct ConsumeFormatTests {
  /// A broker with topic `t` of `partitions`, each with `count` records of values "PARTITION.NUMBER" and timestamps 1000,
  /// 2000, ...
  private func broker(partitions: Int = 1, count: Int) throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t", partitions: partitions)
    let lines = (0..<partitions).flatMap { partition in
      (0..<count).map {
        "{\"partition\":\(partition),\"value\":\"\(partition).\($0)\",\"timestamp\":\(($0 + 1) * 1_000)}\n"
      }
    }
    try broker.output(of: ["produce", "t", "--format", "json"], input: lines.joined().utf8)
    return broker
  }

  private func lines(_ broker: Broker, _ options: [String]) throws -> [String] {
    let outcome = try broker.run(["consume"] + options)
    guard outcome.status == 0 else { throw ProcessFailure(description: outcome.errors) }
    return outcome.lines
  }

  private func values(_ numbers: Range<Int>) -> [String] { numbers.map { "0.\($0)" } }

  @Test(arguments: [
    (["--to", "4"], 0..<4), (["--from", "3", "--to", "4"], 3..<4), (["--from", "3", "--to", "2"], 0..<0),
    (["--to", "end"], 0..<10), (["--to", "1970-01-01T00:00:03Z"], 0..<2), (["--to", "-1m"], 0..<10),
    (["--from", "last 3", "--to", "9"], 7..<9), (["--from", "last:30", "--exit-at-end"], 0..<10),
    (["--to", "30", "--exit-at-end"], 0..<10), (["--from", "-1m", "--exit-at-end"], 0..<0),
  ])
  func `a range has a beginning and an end`(options: [String], numbers: Range<Int>) throws {
    #expect(try lines(broker(count: 10), ["t"] + options) == values(numbers))
  }

  @Test func `an end that is not there yet is waited for`() throws {
    let broker = try broker(count: 2)
    let consumer = try broker.start(["consume", "t", "--to", "4"])
    #expect(try consumer.readLine() == "0.0")
    try broker.output(of: ["produce", "t"], input: "a\nb\nc\n".utf8)
    let outcome = try consumer.wait()
    #expect(outcome.status == 0)
    #expect(outcome.lines == ["0.1", "a", "b"])
  }

  @Test func `partitions are a list`() throws {
    let broker = try broker(partitions: 5, count: 2)
    let found = try lines(broker, ["t", "--partition", "0,3-4", "--exit-at-end"])
    #expect(Set(found) == ["0.0", "0.1", "3.0", "3.1", "4.0", "4.1"])
    let outcome = try broker.run(["consume", "t", "--partition", "1,5"])
    #expect(outcome.status == 13)
    #expect(outcome.errors.contains("partition 5 does not exist: 't' has 5 partitions"))
  }

  @Test func `several topics, or all that a pattern matches, are read without a group, too`() throws {
    let broker = try broker(count: 1)
    for topic in ["t2", "u"] {
      try broker.createTopic(topic)
      try broker.output(of: ["produce", topic], input: "of \(topic)\n".utf8)
    }
    let template = ["--format", #"%t %v\n"#, "--exit-at-end"]
    #expect(try Set(lines(broker, ["t", "u", "t"] + template)) == ["t 0.0", "u of u"])
    #expect(try Set(lines(broker, ["--topic-pattern", "t.?"] + template)) == ["t 0.0", "t2 of t2"])
    let none = try broker.run(["consume", "--topic-pattern", "z+"])
    #expect(none.status == 13)
    #expect(none.errors == "tailrace: no topic matches 'z+'; see 'tailrace topic list' (NOT_FOUND)\n")
    #expect(try broker.run(["consume", "--topic-pattern", "("]).status == 11)
    let unknown = try broker.run(["consume", "t", "nope"])
    #expect(unknown.status == 13)
    #expect(unknown.errors.contains("tailrace topic create nope"))
  }

  @Test func `filters choose by key, value and headers, and --max counts what they let through`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    try broker.output(
      of: ["produce", "t", "--key-separator", "=", "--header", "a=1"], input: "k=one\nl=two\nk=two\nk=twelve\n".utf8)
    try broker.output(of: ["produce", "t", "--key-separator", "=", "--header", "b=2"], input: "k=two\n".utf8)
    let end = ["t", "--exit-at-end", "--format", #"%o\n"#]
    #expect(try lines(broker, end + ["--key", "k"]) == ["0", "2", "3", "4"])
    #expect(try lines(broker, end + ["--grep", "^tw"]) == ["1", "2", "3", "4"])
    #expect(try lines(broker, end + ["--header", "b"]) == ["4"])
    #expect(try lines(broker, end + ["--header", "a=1", "--header", "b"]) == [])
    #expect(try lines(broker, end + ["--key", "k", "--grep", "tw", "--header", "a=1"]) == ["2", "3"])
    #expect(try lines(broker, ["t", "--key", "k", "--grep", "tw", "--max", "2", "--format", #"%o\n"#]) == ["2", "3"])
    #expect(try lines(broker, ["t", "--exit-at-end", "--key", "k", "--count"]) == ["4"])
  }

  @Test func `a group has read what its filter left out`() throws {
    let broker = try broker(count: 10)
    let group = ["--group", "g", "t", "--exit-at-end"]
    #expect(try lines(broker, group + ["--grep", "[37]$"]) == ["0.3", "0.7"])
    #expect(try lines(broker, group) == [])
  }

  @Test func `--count tells at the end how many there were, and when it is stopped`() throws {
    let broker = try broker(count: 7)
    #expect(try lines(broker, ["t", "--count", "--exit-at-end"]) == ["7"])
    #expect(try lines(broker, ["t", "--count", "--max", "3"]) == ["3"])
    let consumer = try broker.start(["consume", "t", "--count"])
    // It has begun to wait once it has counted all, which nobody sees from outside: any count up to all is right.
    consumer.send(SIGINT)
    let outcome = try consumer.wait()
    #expect([130, -SIGINT].contains(outcome.status))
    #expect(outcome.lines.allSatisfy { (0...7).contains(Int($0) ?? -1) })
  }

  // MARK: Protobuf

  private static let schema = """
    syntax = "proto3";
    package shop;
    import "money.proto";
    message Order { string id = 1; Money price = 2; }
    """

  private static let money = "syntax = \"proto3\"; package shop; message Money { int64 cents = 1; }"

  /// Order{id: "o1", price: {cents: 1999}}
  private static let order: [UInt8] = [0x0A, 2, 0x6F, 0x31, 0x12, 3, 0x08, 0xCF, 0x0F]

  /// Runs the tool with protoc in its PATH, or without.
  private func consume(_ broker: Broker, _ options: [String], path: String = "/usr/local/bin:/usr/bin:/bin") throws
    -> Outcome
  {
    try runTool(
      ["consume", "t", "--exit-at-end", "--server", broker.address] + options, environment: ["PATH": path])
  }

  /// A broker whose topic `t` has an order, and the path of its schema, which imports one in a directory beside.
  private func brokerWithOrder() throws -> (broker: Broker, schema: String, imports: String) {
    let broker = try Broker()
    try broker.createTopic("t")
    try broker.output(of: ["produce", "t", "--format", "whole"], input: Self.order)
    let imports = broker.directory.path + "/imports"
    try FileManager.default.createDirectory(atPath: imports, withIntermediateDirectories: true)
    _ = try broker.directory.file("imports/money.proto", Self.money.utf8)
    return (broker, try broker.directory.file("order.proto", Self.schema.utf8), imports)
  }

  @Test func `values that are protobuf messages are printed as JSON`() throws {
    let (broker, schema, imports) = try brokerWithOrder()
    let options = ["--proto", schema, "--type", "shop.Order", "--proto-path", imports]
    let json = #"{"id":"o1","price":{"cents":"1999"}}"#
    #expect(try consume(broker, options).text == json + "\n")
    let object = try consume(broker, options + ["--format", "json"])
    #expect(object.text.contains(#""key":null,"value":\#(json),"headers":[]"#), "\(object.text)\(object.errors)")
    #expect(try consume(broker, options + ["--format", #"%o %v [%S]\n"#]).text == "0 \(json) [36]\n")
    #expect(try consume(broker, options + ["--grep", #""cents":"1999""#, "--count"]).text == "1\n")
    #expect(try consume(broker, options + ["--grep", "2000"]).text == "")
  }

  @Test func `a descriptor set needs no protoc`() throws {
    let (broker, schema, imports) = try brokerWithOrder()
    let set = broker.directory.path + "/set"
    let protoc = Process()
    protoc.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    protoc.arguments = [
      "protoc", "--include_imports", "-o", set, "-I", broker.directory.path, "-I", imports, schema,
    ]
    try Spawning.inTurn { try protoc.run() }
    protoc.waitUntilExit()
    let outcome = try consume(broker, ["--proto", set, "--type", ".shop.Order"], path: "/nonexistent")
    #expect(outcome.text == #"{"id":"o1","price":{"cents":"1999"}}"# + "\n", "\(outcome.errors)")
  }

  @Test func `what keeps a schema from being used is told on one line`() throws {
    let (broker, schema, imports) = try brokerWithOrder()
    let type = ["--type", "shop.Order"]
    let lost = Array(#"syntax = "proto3"; import "google/protobuf/lost.proto";"#.utf8)
    let faults = [
      (try consume(broker, ["--proto", schema] + type, path: "/nonexistent"), "needs protoc, which is not in PATH"),
      (try consume(broker, ["--proto", schema] + type), "--proto-path says where"),
      (
        try consume(broker, ["--proto", try broker.directory.file("lost.proto", lost)] + type),
        "it comes with protoc's headers (Debian: libprotobuf-dev)"
      ),
      (
        try consume(broker, ["--proto", schema, "--proto-path", imports, "--type", "shop.Ordr"]),
        "no message 'shop.Ordr' in '\(schema)'; there are shop.Money, shop.Order"
      ),
      (
        try consume(broker, ["--proto", try broker.directory.file("no.set", [0xFF, 1, 2])] + type),
        "has no usable schemas"
      ),
      (try consume(broker, ["--proto", "/dev/zero"] + type), "is longer than"),
    ]
    for (outcome, text) in faults {
      #expect(outcome.status == 64)
      #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
    }
  }

  @Test func `a value that is no such message is told with its place; it ends it, or is skipped`() throws {
    let (broker, schema, imports) = try brokerWithOrder()
    try broker.output(of: ["produce", "t", "--format", "whole"], input: [0x0A, 9])
    try broker.output(of: ["produce", "t", "--format", "length"], input: [0xFF, 0xFF, 0xFF, 0xFF])
    let options = ["--proto", schema, "--type", "shop.Order", "--proto-path", imports, "--format", #"%o %S\n"#]
    let stopped = try consume(broker, options)
    #expect(stopped.status == 11)
    #expect(stopped.lines == ["0 36"])
    #expect(stopped.errors.hasPrefix("tailrace: partition 0 of 't', offset 1: shop.Order: "), "\(stopped.errors)")
    let skipping = try consume(broker, options + ["--on-error", "skip"])
    #expect(skipping.status == 0)
    #expect(skipping.lines == ["0 36", "2 -1"])
    #expect(skipping.errorLines.count == 1)
  }
}
