import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// How long a tombstone stays.
@Suite struct TombstoneTests {
  /// Enough records of their own keys to finish a segment.
  private func fill(_ fixture: CompactedLog, _ name: String) async throws {
    try await fixture.append((0..<8).map { [Keyed("\(name)\($0)", name)] })
  }

  private func hasTombstone(_ fixture: CompactedLog) throws -> Bool {
    try fixture.records().contains { $0.value == nil }
  }

  @Test func `a tombstone stays for its time after the first pass, then goes`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append(["gone": "value"])
    try await fixture.append(["gone": nil])
    try await fill(fixture, "a")
    // Its time does not begin before a pass has gone over it.
    fixture.clock.advance(byMs: 5_000)
    #expect(try fixture.compact()?.tombstonesDropped == 0)
    #expect(try hasTombstone(fixture) && !fixture.records().contains { $0.value == "value" })
    fixture.clock.advance(byMs: 999)
    #expect(try fixture.compact(ratio: 0.5) == nil)
    #expect(try hasTombstone(fixture))
    fixture.clock.advance(byMs: 1)
    // Nothing is new: the tombstone alone makes it due, and once.
    let report = try #require(try fixture.compact(ratio: 0.5))
    #expect(report.tombstonesDropped == 1 && report.recordsDropped == 1)
    #expect(try !hasTombstone(fixture) && fixture.records().count == 8)
    #expect(try fixture.compact(ratio: 0.5) == nil)
    #expect(try fixture.partition.state.withLock { $0.compactions } == [])
  }

  @Test func `a later pass does not begin a tombstone's time anew, a start does not either`() async throws {
    var fixture = try await CompactedLog()
    try await fixture.append(["gone": nil])
    try await fill(fixture, "a")
    try fixture.compact()
    fixture.clock.advance(byMs: 600)
    fixture = try await fixture.reopened()
    try await fixture.append(["later": nil])
    try await fill(fixture, "b")
    try fixture.compact()
    #expect(try fixture.partition.state.withLock { $0.compactions.count } == 2)
    fixture.clock.advance(byMs: 400)
    fixture = try await fixture.afterKill()
    #expect(try fixture.compact()?.tombstonesDropped == 1)
    #expect(try fixture.records().filter { $0.value == nil }.map(\.key) == ["later"])
    fixture.clock.advance(byMs: 600)
    #expect(try fixture.compact()?.tombstonesDropped == 1)
    #expect(try !hasTombstone(fixture))
  }

  @Test func `a value after a tombstone stays, the tombstone goes at once`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append(["key": "old"])
    try await fixture.append(["key": nil])
    try await fixture.append(["key": "new"])
    try await fill(fixture, "a")
    #expect(try fixture.compact()?.recordsDropped == 2)
    #expect(try latest(fixture.records())["key"] == "new" && !hasTombstone(fixture))
  }

  @Test func `at most 64 marks are kept, the last one among them`() async throws {
    let fixture = try await CompactedLog()
    for round in 0..<70 {
      try fixture.partition.state.withLock {
        $0.noteCompaction(
          to: Offset(Int64(round + 1)), tombstoneEnd: .zero, keepsTombstones: true, nowMs: Int64(round * round))
      }
    }
    let marks = try fixture.partition.state.withLock { $0.compactions }
    #expect(marks.count == 64 && marks.last?.endOffset == 70 && marks.last?.atMs == 69 * 69)
    #expect(zip(marks, marks.dropFirst()).allSatisfy { $0.endOffset < $1.endOffset && $0.atMs <= $1.atMs })
    #expect(try StateFile.encode(fixture.partition.snapshot(isClean: false)).readableBytes < 4_096)
  }
}
