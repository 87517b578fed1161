import Foundation
import Testing

@testable import tailrace

/// `tailrace log verify`, on directories that a broker left.
@Suite struct LogVerifyTests {
  /// A broker that had 400 records in two partitions, and was killed or stopped.
  private func leftBroker(isKilled: Bool = false) throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 2)
    try broker.output(of: ["produce", "t"], input: (0..<400).map { "value \($0)\n" }.joined().utf8)
    if isKilled { broker.kill() } else { try broker.stop() }
    return broker
  }

  private func verify(_ broker: Broker, _ options: [String] = []) throws -> Outcome {
    try runTool(["log", "verify", broker.dataDirectory] + options)
  }

  /// Changes a byte of the topic's first segment that has any.
  private func damage(_ broker: Broker, at position: Int) throws -> String {
    let path = try #require(try broker.segmentPaths(of: "t").first)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[position] ^= 0x20
    try bytes.write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test(arguments: [true, false]) func `what a broker leaves is well, killed or stopped`(isKilled: Bool) throws {
    let broker = try leftBroker(isKilled: isKilled)
    for options in [[], ["--shallow"], ["--topic", "t"]] {
      let outcome = try verify(broker, options)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.isEmpty)
      let last = try #require(outcome.lines.last)
      #expect(
        last.hasPrefix("total: ok: \(options.contains("t") ? "1 topics, 2" : "3 topics, 4") partitions"), "\(last)")
      #expect(outcome.lines.count { $0.hasPrefix("t/") } == 2)
    }
    let one = try verify(broker, ["--topic", "t", "--partition", "1"])
    #expect(one.lines.count == 2 && one.lines[0].hasPrefix("t/1: ok: offsets 0 to "))
  }

  @Test func `damage is a line with its place, and exits with 23`() throws {
    let broker = try leftBroker()
    let path = try damage(broker, at: 130)
    let outcome = try verify(broker)
    #expect(outcome.status == 23)
    let name = path.split(separator: "/").suffix(3).joined(separator: "/")
    #expect(outcome.lines.contains { $0.hasPrefix("error: t/") && $0.contains("\(name) at position 0, offset 0") })
    #expect(outcome.lines.last?.hasPrefix("total: 1 error: ") == true, "\(outcome.text)")
    #expect(outcome.errors.isEmpty)
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let alone = try runTool(["log", "verify", directory])
    #expect(alone.status == 23)
    #expect(alone.lines.last?.contains("1 topics, 1 partitions") == true)
  }

  @Test func `the JSON form is an object per line`() throws {
    let broker = try leftBroker()
    _ = try damage(broker, at: 130)
    let outcome = try verify(broker, ["--format", "json"])
    #expect(outcome.status == 23)
    let objects = try outcome.lines.map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
    #expect(Set(objects.compactMap { $0["type"] as? String }) == ["finding", "partition", "total"])
    let finding = try #require(objects.first { $0["type"] as? String == "finding" })
    #expect(finding["severity"] as? String == "error" && finding["kind"] as? String == "damage")
    #expect(finding["position"] as? Int == 0 && finding["offset"] as? Int == 0)
    let total = try #require(objects.last)
    #expect(total["errors"] as? Int == 1 && total["partitions"] as? Int == 4 && total["complete"] as? Bool == true)
  }

  @Test func `a broker at work is told of, unless --online is given`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    try broker.output(of: ["produce", "t"], input: "a\n".utf8)
    let outcome = try verify(broker)
    #expect(outcome.status == 17)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("a broker is at work on"))
    #expect(try verify(broker, ["--online"]).status == 0)
    #expect(try broker.run(["consume", "t", "--exit-at-end"]).lines == ["a"])
  }

  @Test func `what is no directory of a broker's is a usage error, what is not there too`() throws {
    let directory = try TemporaryDirectory()
    for path in [directory.path, directory.path + "/none", try directory.file("file", [])] {
      let outcome = try runTool(["log", "verify", path])
      #expect(outcome.status == 64, "\(outcome.errors)")
      #expect(outcome.output.isEmpty && outcome.errorLines.count == 1)
    }
    let broker = try leftBroker()
    #expect(try verify(broker, ["--topic", "nope"]).status == 13)
  }

  @Test func `nothing in the directory is changed, nor created`() throws {
    let broker = try leftBroker(isKilled: true)
    func files() throws -> [String: Data] {
      let names = try FileManager.default.subpathsOfDirectory(atPath: broker.dataDirectory)
      return Dictionary(
        uniqueKeysWithValues: names.map { name in
          (name, (try? Data(contentsOf: URL(fileURLWithPath: broker.dataDirectory + "/" + name))) ?? Data())
        })
    }
    try FileManager.default.removeItem(atPath: broker.dataDirectory + "/LOCK")
    let before = try files()
    #expect(try verify(broker).status == 0)
    #expect(try files() == before)
  }
}
