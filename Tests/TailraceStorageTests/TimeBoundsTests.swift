@testable import TailraceStorage
import Synchronization
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Where look-ups by time begin.
@Suite struct TimeBoundsTests {
  @Test func `a search begins behind all that is known to be earlier, and nowhere else`() {
    var bounds = TimeBounds()
    #expect(bounds.start(for: .max) == .zero)
    bounds.note(from: Offset(0), to: Offset(10), maxTimestampMs: 100, logStart: .zero)
    bounds.note(from: Offset(10), to: Offset(20), maxTimestampMs: 50, logStart: .zero)
    bounds.note(from: Offset(20), to: Offset(30), maxTimestampMs: 300, logStart: .zero)
    #expect([50, 100, 101, 300, 301].map { bounds.start(for: $0).rawValue } == [0, 0, 20, 20, 30])
    // Behind a gap nothing is known.
    bounds.note(from: Offset(40), to: Offset(50), maxTimestampMs: 1, logStart: .zero)
    #expect(bounds.start(for: .max) == Offset(30))
    // The log's start closes it, and what lies below is not kept.
    bounds.note(from: Offset(40), to: Offset(50), maxTimestampMs: 1, logStart: Offset(45))
    #expect(bounds.start(for: .max) == Offset(50) && bounds.count == 2)
  }

  @Test func `look-ups in a log of many segments find what going through it finds, and begin in the right one`()
    async throws
  {
    var generator = SeededGenerator(for: "TimeBoundsTests")
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(segmentBytes: 400))
    var times: [Int64] = []
    for number in 0..<300 {
      times.append(Int64(number * 10 + generator.below(200)))
      try await fixture.store.append(["\(number)"], timestampMs: times[number])
    }
    let log = try fixture.store.log(of: partitionA).get()
    // Once through all of it.
    #expect(try await fixture.store.firstOffset(atOrAfter: .max) == nil)
    #expect(log.timeBounds.withLock { $0.count } > 50)
    for round in 0..<200 {
      if round == 100 { _ = try await fixture.store.deleteRecords(before: Offset(77), in: partitionA, fence: .local) }
      let time = Int64(generator.below(3_400))
      let start = log.timeBounds.withLock { $0.start(for: time) }
      let expected = times.indices.first { $0 >= (round < 100 ? 0 : 77) && times[$0] >= time }
      #expect(try await fixture.store.firstOffset(atOrAfter: time)?.offset.rawValue == expected.map { Int64($0) })
      let places = log.state.withLock { state in
        (state.segmentIndex(of: start), state.segmentIndex(of: Offset(Int64(expected ?? times.count))))
      }
      // Of what was deleted the times are remembered still: then it begins too early, at the most.
      #expect(round < 100 ? places.0 == places.1 : (places.0 ?? 0) <= (places.1 ?? 0))
    }
  }
}
