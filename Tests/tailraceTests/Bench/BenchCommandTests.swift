import Foundation
import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite("Benchmarks, run for a moment")
struct BenchCommandTests {
  /// The objects that a benchmark prints, one a line.
  private func run(_ arguments: [String]) throws -> [[String: Any]] {
    let moment = ["--seconds", "0.2", "--warm-up", "0.1", "--rounds", "1", "--output", "json"]
    let outcome = try runTool(["bench"] + arguments + moment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try outcome.text.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  private func number(_ object: [String: Any], _ name: String) throws -> Double {
    try #require(object[name] as? Double, "\(name) in \(object)")
  }

  @Test func `every measurement is an object with the same members`() throws {
    let lines = try run(["produce", "--max-bytes", "8388608"])
    #expect(lines.compactMap { $0["name"] as? String }.prefix(2) == ["produce", "produce, C file writes"])
    for line in lines.prefix(2) {
      for name in [
        "count", "seconds", "per_second", "mb_per_second", "p50_us", "p99_us", "p999_us", "max_us", "client_cpu_s",
        "server_cpu_s", "server_rss_bytes",
      ] {
        #expect(try number(line, name) >= 0)
      }
      #expect(try number(line, "p50_us") <= number(line, "max_us"))
    }
    #expect(lines.last?["name"] as? String == "bytes/s, broker / buffered file writes")
    #expect(try number(lines[2], "ratio") > 0)
  }

  @Test func `durable appends are held against groups of what is in flight`() throws {
    let lines = try run([
      "produce", "--acks", "durable", "--connections", "2", "--depth", "3", "--record-size", "100",
      "--records-per-batch", "1",
    ])
    #expect(lines.count == 3)
    #expect(lines[0]["records_per_batch"] as? String == "1")
    #expect(try number(lines[0], "records_per_second") == number(lines[0], "per_second"))
    #expect(lines[1]["name"] as? String == "produce, C group commit")
    let batchSize = try #require((lines[1]["batch_size"] as? String).flatMap { Int($0) })
    #expect(lines[1]["group_size"] as? String == "\(6 * batchSize)")
    #expect(lines[2]["name"] as? String == "bytes/s, broker / group commit into a raw file")
  }

  @Test func `an open loop makes as many calls as are due`() throws {
    let lines = try run(["latency", "--rate", "500", "--connections", "3"])
    #expect(lines.count == 1)
    #expect(try (99...101).contains(number(lines[0], "count")), "\(lines)")
  }

  @Test func `an open loop is in flight no further than told, and still makes all calls`() throws {
    let lines = try run(["latency", "--rate", "1000", "--depth", "1"])
    #expect(try (199...201).contains(number(lines[0], "count")), "\(lines)")
  }

  @Test func `every record of an end-to-end run arrives`() throws {
    for acks in ["written", "durable"] {
      let lines = try run(["end-to-end", "--rate", "500", "--acks", acks])
      #expect(lines.count == 1)
      #expect(try (99...101).contains(number(lines[0], "count")), "\(lines)")
      #expect(try number(lines[0], "p50_us") > 0)
    }
  }

  @Test(arguments: [8, 100, 1_024, 65_536])
  func `what changes in a request is found`(recordSize: Int) throws {
    let frames = try EndToEndFrames(recordSize: recordSize, depth: 200, acks: .written)
    let batch = try BenchBatches.make(recordSize: recordSize, count: 1, batchSize: 0)
    for frame in frames.produce.frames {
      let end = frame.writerIndex
      #expect(frame.getSlice(at: end - frames.recordsBytes, length: frames.recordsBytes) == batch.records)
      let crc: UInt32? = frame.getInteger(at: end - frames.crcBytes, endianness: .little)
      #expect(crc == batch.header.recordsCRC32C)
    }
  }
}
