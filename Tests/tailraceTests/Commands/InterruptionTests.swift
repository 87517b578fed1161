import Foundation
import Testing

@testable import tailrace

/// Ends of commands that have nothing to do with the broker any more.
@Suite struct InterruptionTests {
  /// What takes a backtracking search longer than anybody waits.
  private static let evil = String(repeating: "a", count: 40) + "b"

  /// Waits until a process has computed for half a second more.
  private func waitUntilBusy(_ process: LiveProcess) throws {
    func ticks() throws -> Int {
      let text = try String(contentsOfFile: "/proc/\(process.id)/stat", encoding: .utf8)
      let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
      return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
    }
    let start = try ticks()
    while try ticks() < start + sysconf(Int32(_SC_CLK_TCK)) / 2 { sched_yield() }
  }

  @Test(arguments: [[], ["--group", "g"]], [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func `the first signal ends a search that would not`(options: [String], end: (signal: Int32, status: Int32)) throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let consumer = try broker.start(["consume", "t", "--grep", "^(a+)+$"] + options)
    try broker.output(of: ["produce", "t"], input: "aa\n".utf8)
    #expect(try consumer.readLine() == "aa")
    try broker.output(of: ["produce", "t"], input: "\(Self.evil)\n".utf8)
    try waitUntilBusy(consumer)
    consumer.send(end.signal)
    let outcome = try consumer.wait()
    #expect(outcome.status == end.status)
    #expect(outcome.errors.contains("a regular expression"), "\(outcome.errors)")
  }

  @Test func `the first signal ends produce where a key is searched for too long`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let producer = try broker.start(["produce", "t", "--key-regex", "^(a+)+$"])
    try producer.write("\(Self.evil)\n")
    try waitUntilBusy(producer)
    producer.send(SIGTERM)
    #expect(try producer.wait().status == 143)
  }

  @Test func `a call whose reader is gone ends, though its stream brings nothing`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let call = try broker.start(["call", "LogService/Subscribe", #"{"targets": [{"topic": "t"}]}"#])
    try broker.output(of: ["produce", "t"], input: "a\n".utf8)
    _ = try call.readLine()
    try call.closeOutput()
    let outcome = try call.waitWithoutOutput()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
  }

  @Test func `with acks none, what was sent is told as that`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let consumer = try broker.start(["consume", "t"])
    let producer = try broker.start(["produce", "t", "--acks", "none"])
    try producer.write("a\n")
    #expect(try consumer.readLine() == "a")
    producer.send(SIGINT)
    #expect(try producer.wait().errors == "tailrace: interrupted; 1 record was sent\n")
  }
}
