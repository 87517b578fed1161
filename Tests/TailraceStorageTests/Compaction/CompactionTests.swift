import Dispatch
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What compaction keeps, what it takes out, and when.
@Suite struct CompactionTests {
  @Test(arguments: Compression.allCases) func `the latest record of each key stays, at its offset`(
    _ compression: Compression
  ) async throws {
    let fixture = try await CompactedLog()
    let batches = (0..<40).map { batch in (0..<5).map { Keyed("k\((batch * 3 + $0) % 9)", "v\(batch).\($0)") } }
    try await fixture.append(batches, compression: compression)
    let before = try fixture.records()
    let report = try #require(try fixture.compact())
    let after = try fixture.records()
    #expect(latest(after) == latest(before) && after.allSatisfy { before.contains($0) })
    #expect(report.outcome == .complete && report.passCount == 1 && report.bytesAfter < report.bytesBefore)
    #expect(report.recordsDropped == before.count - after.count)
    // Below the active segment each key is there once.
    let end = try fixture.partition.state.withLock { $0.compactedEnd.rawValue }
    let finished = after.filter { $0.offset < end }
    #expect(finished.count == Set(finished.map(\.key)).count && end > 100)
    for maxBytes in [1, 300, 1 << 20] { #expect(try fixture.records(maxBytes: maxBytes) == after) }
    #expect(fixture.log.lines.filter { $0 == "info: compacted" }.count == 1)
    #expect(try fixture.compact() == nil)
  }

  @Test func `every offset is answered, also where its record is gone`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append((0..<60).map { [Keyed("same", "\($0)"), Keyed("k\($0 % 3)", "\($0)")] })
    try fixture.compact()
    let all = try fixture.records()
    for offset in 0..<120 {
      #expect(try fixture.records(from: Int64(offset), maxBytes: 1) == all.filter { $0.offset >= offset })
    }
  }

  @Test func `a log that was overwritten leaves one empty batch and one segment`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append((0..<50).map { [Keyed("same", "\($0)")] })
    let before = try fixture.segmentFiles()
    try await fixture.store.configure(topic: topicA, config: CompactedLog.config(segmentBytes: 100_000), fence: .local)
    let report = try #require(try fixture.compact())
    #expect(report.segmentsBefore == before.count - 1 && report.segmentsAfter == 1)
    #expect(try fixture.segmentFiles() == [before[0], before[before.count - 1]])
    let batches = try headers(try await fixture.store.result(from: 0))
    #expect(batches[0].recordCount == 0 && batches[0].baseOffset == .zero && batches[1].recordCount == 1)
    #expect(batches[0].nextOffset == batches[1].baseOffset && batches[1].baseOffset > Offset(40))
    #expect(try fixture.records().map(\.value).last == "49")
    let figures = try await fixture.store.describe(partitionA)
    #expect(figures.segmentCount == 2 && figures.sizeBytes < 1_200)
  }

  @Test func `small segments next to one another are merged, and nothing is rewritten twice`() async throws {
    let small = CompactedLog.config(segmentBytes: 300)
    let fixture = try await CompactedLog(config: small)
    try await fixture.append((0..<30).map { [Keyed("k\($0)", "\($0)")] })
    let before = try fixture.records()
    #expect(try fixture.segmentFiles().count == 15)
    try await fixture.store.configure(topic: topicA, config: CompactedLog.config(segmentBytes: 1_000), fence: .local)
    let report = try #require(try fixture.compact())
    #expect(report.segmentsBefore == 14 && report.segmentsAfter == 5 && report.recordsDropped == 0)
    #expect(report.bytesBefore == report.bytesAfter)
    #expect(try fixture.segmentFiles().count == 6 && fixture.records() == before)
    // New segments; the old ones stay as they are, since nothing in them changes.
    try await fixture.append((30..<50).map { [Keyed("k\($0)", "\($0)")] })
    let created = Mutex<[String]>([])
    fixture.fileSystem.set { change in
      if case .create(let path) = change, path.hasSuffix(".compacting") { created.withLock { $0.append(path) } }
      return nil
    }
    try fixture.compact()
    #expect(created.withLock { $0.allSatisfy { !$0.contains("/00000000000000000000-") } })
    #expect(try fixture.records().count == 50)
  }

  @Test func `what is not on disk yet is left alone`() async throws {
    var config = CompactedLog.config
    config.durability = .os
    let fixture = try await CompactedLog(config: config)
    let gate = DispatchSemaphore(value: 0)
    fixture.fileSystem.set { change in
      if case .sync(let path) = change, path.hasSuffix(".log") {
        gate.waitForOne()
        gate.signal()
      }
      return nil
    }
    for index in 0..<40 { _ = await fixture.store.append([try keyedBatch([Keyed("same", "\(index)")])], .written) }
    #expect(try fixture.compact() == nil)
    #expect(try fixture.records().count == 40)
    gate.signal()
    let log = try fixture.partition
    await expectSoon { log.state.withLock { $0.checkpointEnd } > Offset(35) }
    #expect(try fixture.compact()?.outcome == .complete)
    #expect(try fixture.records().count < 10)
  }

  @Test func `the active segment is left alone`() async throws {
    let fixture = try await CompactedLog(config: CompactedLog.config(segmentBytes: 1 << 20))
    try await fixture.append((0..<50).map { [Keyed("same", "\($0)")] })
    #expect(try fixture.compact() == nil)
    #expect(try fixture.records().count == 50)
  }

  @Test func `records without a key from before the topic was compacted stay`() async throws {
    let fixture = try await CompactedLog(config: LogConfig(segmentBytes: 600))
    try await fixture.append((0..<20).map { [Keyed(nil, "\($0)"), Keyed("same", "\($0)")] })
    #expect(try fixture.compact() == nil)
    try await fixture.store.configure(topic: topicA, config: CompactedLog.config, fence: .local)
    try fixture.compact()
    let after = try fixture.records()
    #expect(after.filter { $0.key == nil }.map(\.value) == (0..<20).map { "\($0)" })
    #expect(after.filter { $0.key != nil }.count < 10)
  }

  @Test func `records younger than the lag are left alone`() async throws {
    var config = CompactedLog.config
    config.minCompactionLagMs = 500
    let fixture = try await CompactedLog(config: config)
    try await fixture.append((0..<20).map { [Keyed("same", "\($0)")] })
    #expect(try fixture.compact() == nil)
    fixture.clock.advance(byMs: 400)
    try await fixture.append((20..<40).map { [Keyed("same", "\($0)")] })
    fixture.clock.advance(byMs: 100)
    try fixture.compact()
    let values = try fixture.records().map { Int($0.value ?? "") ?? -1 }
    #expect(values.count < 30 && values.suffix(20) == (20..<40).map { $0 })
    fixture.clock.advance(byMs: 400)
    try fixture.compact()
    #expect(try fixture.records().count < 10)
  }

  @Test func `a partition is compacted once enough of it is new`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append((0..<40).map { [Keyed("k\($0)", "\($0)")] })
    #expect(try fixture.compact(ratio: 0.5) != nil)
    try await fixture.append((0..<30).map { [Keyed("k\($0)", "\($0)")] })
    #expect(try fixture.compact(ratio: 0.5) == nil)
    try await fixture.append((0..<30).map { [Keyed("k\($0)", "\($0)")] })
    #expect(try fixture.compact(ratio: 0.5) != nil)
  }

  @Test func `a log with more keys than the map holds is gone over in several passes`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append((0..<30).map { batch in (0..<8).map { Keyed("k\((batch * 8 + $0) % 100)", "\(batch)") } })
    let before = try fixture.records()
    let report = try #require(try fixture.compact(mapBytes: 0))
    let after = try fixture.records()
    #expect(report.passCount > 10 && latest(after) == latest(before))
    let end = try fixture.partition.state.withLock { $0.compactedEnd.rawValue }
    let finished = after.filter { $0.offset < end }
    #expect(finished.count == Set(finished.map(\.key)).count && end > 200)
    print("CompactionTests: \(report.passCount) passes over \(before.count) records")
  }

  @Test func `times are found after compaction as before`() async throws {
    let fixture = try await CompactedLog()
    for index in 0..<40 {
      let batch = try keyedBatch([Keyed("k\(index % 7)", "\(index)")], timestampMs: Int64(index * 100))
      _ = await fixture.store.append([batch])
    }
    try fixture.compact()
    let records = try fixture.records()
    for time in stride(from: 0, to: 4_000, by: 50) {
      let expected = records.first { ($0.value.flatMap { Int($0) } ?? 0) * 100 >= time }
      #expect(try await fixture.store.firstOffset(atOrAfter: Int64(time))?.offset.rawValue == expected?.offset)
    }
  }

  @Test func `progress is kept over stops and kills`() async throws {
    let fixture = try await CompactedLog()
    try await fixture.append((0..<40).map { [Keyed("k\($0 % 5)", $0 == 10 ? nil : "\($0)")] })
    try fixture.compact()
    let progress = try fixture.partition.state.withLock { ($0.compactedEnd, $0.compactions) }
    let records = try fixture.records()
    let killed = try await fixture.afterKill()
    let stopped = try await fixture.reopened()
    for reopened in [killed, stopped] {
      let found = try reopened.partition.state.withLock { ($0.compactedEnd, $0.compactions) }
      #expect(found.0 == progress.0 && found.1 == progress.1)
      #expect(try reopened.records() == records)
      #expect(try reopened.compact() == nil)
    }
  }
}
