import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Random appends, compactions, stops and kills, against a dictionary.
@Suite struct RandomCompactionTests {
  private struct Model {
    /// Everything that was appended.
    var appended: [Keyed] = []
    var appends = 0
    var compactions = 0
    var passes = 0
    var dropped = 0
    var starts = 0
  }

  @Test func `whatever happens, a reader ends with the same values`() async throws {
    var generator = SeededGenerator(for: "RandomCompactionTests")
    let seed = generator.seed
    var model = Model()
    for round in 0..<6 {
      var config = CompactedLog.config(segmentBytes: 300 + generator.below(3_000))
      config.minCompactionLagMs = generator.below(2) == 0 ? 0 : 300
      var fixture = try await CompactedLog(config: config)
      model.appended = []
      for step in 0..<80 {
        switch generator.below(12) {
        case 0:
          fixture =
            try await generator.below(2) == 0 ? fixture.afterKill(config: config) : fixture.reopened(config: config)
          model.starts += 1
        case 1: fixture.clock.advance(byMs: Int64(generator.below(800)))
        case 2..<5: try compact(fixture, &generator, &model)
        default: try await append(to: fixture, &generator, &model)
        }
        try check(fixture, model, "seed \(seed), round \(round), step \(step)", from: generator.below(60))
      }
    }
    print(
      "RandomCompactionTests: \(model.appends) batches, \(model.compactions) compactions, \(model.passes) passes,"
        + " \(model.dropped) records dropped, \(model.starts) starts")
  }

  private func append(to fixture: CompactedLog, _ generator: inout SeededGenerator, _ model: inout Model) async throws {
    for _ in 0..<1 + generator.below(6) {
      let records = (0..<1 + generator.below(6)).map { index in
        let value = String(repeating: "v", count: generator.below(80)) + "\(model.appended.count + index)"
        return Keyed(
          offset: Int64(model.appended.count + index), "k\(generator.below(25))", generator.below(5) == 0 ? nil : value)
      }
      try await fixture.append([records], compression: Compression.allCases[generator.below(4)])
      model.appended += records
      model.appends += 1
    }
  }

  private func compact(_ fixture: CompactedLog, _ generator: inout SeededGenerator, _ model: inout Model) throws {
    let mapBytes = [0, 500, 1 << 20][generator.below(3)]
    let isCut = generator.below(4) == 0
    let left = Mutex(isCut ? generator.below(60) : Int.max)
    let report = try fixture.compact(mapBytes: mapBytes, ratio: [0, 0.5][generator.below(2)]) {
      left.withLock { left in
        left -= 1
        return left < 0
      }
    }
    guard let report else { return }
    #expect(report.outcome == .complete || (isCut && report.outcome == .interrupted), "seed \(generator.seed)")
    model.compactions += 1
    model.passes += report.passCount
    model.dropped += report.recordsDropped
  }

  private func check(_ fixture: CompactedLog, _ model: Model, _ context: String, from start: Int) throws {
    let found = try fixture.records(maxBytes: 700)
    #expect(latest(found) == latest(model.appended), "\(context)")
    #expect(found.allSatisfy { model.appended[Int($0.offset)] == $0 }, "\(context)")
    #expect(zip(found, found.dropFirst()).allSatisfy { $0.offset < $1.offset }, "\(context)")
    let start = Int64(min(start, model.appended.count))
    #expect(try fixture.records(from: start, maxBytes: 300) == found.filter { $0.offset >= start }, "\(context)")
    // The last record of a key stays, if it is a value: the dictionary says so. What was gone over holds a key once.
    let end = try fixture.partition.state.withLock { $0.compactedEnd.rawValue }
    let finished = found.filter { $0.offset < end }
    #expect(finished.count == Set(finished.map(\.key)).count, "\(context)")
  }
}
