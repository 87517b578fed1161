import Dispatch
import Glibc
import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What the local store remembers of producers over stops, kills and lost files.
@Suite struct ProducerRecoveryTests {
  /// Two batches to a segment.
  private func config() throws -> LogConfig { LogConfig(segmentBytes: 2 * (try batch(["0"]).byteCount)) }

  private func expectRemembered(_ store: LocalLogStore, count: UInt32, _ context: String) async throws {
    for sequence in (count - 5)..<count {
      guard case .duplicate(let found) = await store.append([try batch(["x"], producer: 7, sequence: sequence)])[0]
      else {
        Issue.record("\(context): sequence \(sequence) is no duplicate")
        continue
      }
      #expect(found.baseOffset == Offset(Int64(sequence)), "\(context)")
    }
    guard case .refused(let error) = await store.append([try batch(["x"], producer: 7, sequence: count + 1)])[0] else {
      return fail("\(context): a gap was taken")
    }
    #expect(error.kind == .outOfOrderSequence, "\(context)")
    guard case .appended(let next) = await store.append([try batch(["next"], producer: 7, sequence: count)])[0] else {
      return fail("\(context): the next batch was not taken")
    }
    #expect(next.baseOffset == Offset(Int64(count)), "\(context)")
  }

  @Test func `repeats are known after a stop and after a kill`() async throws {
    for isKilled in [false, true] {
      let fixture = try LocalFixture()
      try await fixture.store.create(config: try config())
      for sequence in 0..<UInt32(9) {
        _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
      }
      if !isKilled { try await fixture.store.close() }
      let reopened = try fixture.afterKill()
      let before = reopened.fileSystem.counts.segmentReadBytes
      try await reopened.store.create(config: try config())
      if !isKilled { #expect(reopened.fileSystem.counts.segmentReadBytes == before) }
      try await expectRemembered(reopened.store, count: 9, "killed: \(isKilled)")
    }
  }

  @Test func `repeats are known where the snapshot is lost or damaged, after a stop and after a kill`() async throws {
    for isKilled in [false, true] {
      for isDamaged in [false, true] {
        let fixture = try LocalFixture()
        try await fixture.store.create(config: try config())
        for sequence in 0..<UInt32(9) {
          _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
        }
        if !isKilled { try await fixture.store.close() }
        let copy = try fixture.directory.copy()
        let files = try copy.files(".producers")
        #expect(!files.isEmpty)
        for path in files {
          guard isDamaged else { try RealFileSystem().removeFile(path); continue }
          var bytes = try TestDirectory.read(path)
          bytes.setInteger(try #require(bytes.getInteger(at: 6, as: UInt8.self)) ^ 1, at: 6)
          try TestDirectory.write(bytes, to: path)
        }
        let reopened = try LocalFixture(copy)
        try await reopened.store.create(config: try config())
        try await expectRemembered(reopened.store, count: 9, "killed: \(isKilled), damaged: \(isDamaged)")
      }
    }
  }

  @Test func `a snapshot that a kill left unfinished goes with the next one`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config())
    for sequence in 0..<UInt32(9) {
      _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
    }
    let copy = try fixture.directory.copy()
    let written = try #require(try copy.files(".producers").first)
    let unfinished = "00000000000000000001.producers.new"
    try TestDirectory.write(
      ByteBuffer(string: "half"), to: String(written.dropLast(unfinished.count - 4)) + unfinished)
    let reopened = try LocalFixture(copy)
    try await reopened.store.create(config: try config())
    try await expectRemembered(reopened.store, count: 9, "beside an unfinished snapshot")
    try await reopened.store.close()
    #expect(try copy.files(".producers.new").isEmpty)
  }

  @Test func `repeats are known after their records are deleted`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config())
    for sequence in 0..<UInt32(9) {
      _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
    }
    _ = try await fixture.store.deleteRecords(before: nil, in: partitionA, fence: .local)
    try await fixture.store.close()
    let reopened = try fixture.afterKill()
    try await reopened.store.create(config: try config())
    try await expectRemembered(reopened.store, count: 9, "deleted")
  }

  @Test func `a producer that wrote after the checkpoint is known although the records before it were deleted`()
    async throws
  {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append(["plain"])
    for sequence in 0..<UInt32(5) {
      _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
    }
    _ = try await fixture.store.deleteRecords(before: Offset(3), in: partitionA, fence: .local)
    let killed = try fixture.afterKill()
    try await killed.store.create()
    guard case .duplicate = await killed.store.append([try batch(["x"], producer: 7, sequence: 4)])[0] else {
      return fail("the last batch is not known")
    }
  }

  @Test func `what producers are read from is neither removed nor compacted before the checkpoint is past it`()
    async throws
  {
    for cleanup in [LogConfig.Cleanup.delete, .compact] {
      let config = LogConfig(segmentBytes: 400, cleanup: cleanup)
      let log = try await CompactedLog(config: config)
      log.fileSystem.set { change in
        if case .create(let path) = change, path.hasSuffix(".producers.new") { EIO } else { nil }
      }
      for sequence in 0..<UInt32(12) {
        let keyed = try keyedBatch([Keyed("key", "\(sequence)")]).sent(by: 7, sequence: sequence)
        _ = await log.store.append([keyed])
      }
      let before = try log.segmentFiles().count
      if cleanup == .delete {
        #expect(try await log.store.deleteRecords(before: nil, in: partitionA, fence: .local) == Offset(12))
      } else {
        try log.compact()
      }
      #expect(try log.segmentFiles().count == before && before > 3)
      if cleanup == .compact { #expect(try log.records().count == 12) }
      func expectKnown(_ context: String) async throws {
        let killed = try await log.afterKill(config: config)
        for sequence in UInt32(7)..<12 {
          let again = try keyedBatch([Keyed("key", "\(sequence)")]).sent(by: 7, sequence: sequence)
          guard case .duplicate = await killed.store.append([again])[0] else {
            Issue.record("\(context): sequence \(sequence) is not known")
            continue
          }
        }
      }
      try await expectKnown("without a checkpoint")

      log.fileSystem.set(nil)
      try await log.store.maintain()
      if cleanup == .delete {
        #expect(try log.segmentFiles().count == 1)
      } else {
        try log.compact()
        #expect(try log.records().map(\.offset) == [8, 9, 10, 11])
      }
      try await expectKnown("with a checkpoint")
    }
  }

  @Test func `a start removes no segment from which it has yet to read producers`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for sequence in 0..<UInt32(9) {
      _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
    }
    _ = try await fixture.store.deleteRecords(before: nil, in: partitionA, fence: .local)
    // A segment was begun at the end, and the kill came before anything of it was on disk.
    let copy = try fixture.directory.copy()
    let first = try #require(try copy.files(".log").first)
    try TestDirectory.write(ByteBuffer(), to: first.dropLast(24) + LogSegment.fileName(Offset(9)))
    let reopened = try LocalFixture(copy)
    try await reopened.store.create()
    try await expectRemembered(reopened.store, count: 9, "deleted, and rolled")
  }

  @Test func `a repeat in the same request is a duplicate of the first, and both wait for the disk`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let answers = fixture.store.start([
      try batch(["a"], producer: 7, sequence: 0), try batch(["a"], producer: 7, sequence: 0),
      try batch(["b"], producer: 7, sequence: 1),
    ])
    started.waitForOne()
    #expect(answers.kinds == ["missing", "missing", "missing"])
    fixture.fileSystem.letSyncsThrough()
    gate.signal()
    await expectSoon { answers.kinds == ["appended 0", "appended 0", "appended 1"] }
    #expect(try await fixture.store.allRecords(maxBytes: 1_000).map(\.value) == ["a", "b"])
  }

  @Test func `a batch that could not be written is not taken for a repeat when it comes again`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    _ = await fixture.store.append([try batch(["a"], producer: 7, sequence: 0)], .written)
    fixture.fileSystem.failWrites(.stop(after: 20, code: 28))
    let failed = await fixture.store.append(
      [
        try batch(["b"], producer: 7, sequence: 1), try batch(["b"], producer: 7, sequence: 1),
        try batch(["c"], producer: 7, sequence: 2),
      ], .written)
    for outcome in failed {
      guard case .refused = outcome else { Issue.record("\(outcome)"); continue }
    }
    fixture.fileSystem.failWrites(nil)
    guard
      case .appended(let stored) = await fixture.store.append([try batch(["b"], producer: 7, sequence: 1)], .written)[0]
    else {
      return fail("the batch is not taken")
    }
    #expect(stored.baseOffset == Offset(1))
  }

  @Test func `a producer is forgotten once it has been idle for long`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    _ = await fixture.store.append([try batch(["a"], producer: 7, sequence: 0)])
    fixture.clock.advance(byMs: 86_400_001)
    try await fixture.store.maintain()
    guard case .refused(let error) = await fixture.store.append([try batch(["b"], producer: 7, sequence: 1)])[0] else {
      return fail("an expired producer went on")
    }
    #expect(error.kind == .unknownProducer)
  }

  @Test func `an older epoch is fenced on every partition once a newer one is admitted`() async throws {
    let fixture = try LocalFixture()
    let other = PartitionID(topic: topicA, index: 1)
    try await fixture.store.create()
    try await fixture.store.create(other)
    _ = await fixture.store.append([try batch(["a"], producer: 7, sequence: 0)])
    fixture.store.admit(producer: 7, epoch: 1, fence: .local)
    for partition in [partitionA, other] {
      guard
        case .refused(let error) = await fixture.store.append(
          [try batch(["b"], producer: 7, sequence: 1)], to: partition)[0]
      else {
        Issue.record("the older epoch wrote to \(partition)")
        continue
      }
      #expect(error.kind == .producerFenced)
    }
    guard case .appended = await fixture.store.append([try batch(["c"], producer: 7, epoch: 1, sequence: 0)])[0] else {
      return fail("the newer epoch could not write")
    }
  }

  @Test func `a producer that was forgotten stays forgotten over a stop`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config())
    for sequence in 0..<UInt32(4) {
      _ = await fixture.store.append([try batch(["x"], producer: 7, sequence: sequence)])
    }
    fixture.clock.advance(byMs: 86_400_001)
    try await fixture.store.maintain()
    try await fixture.store.append(["plain"])
    try await fixture.store.close()
    #expect(try !fixture.directory.files(".producers").isEmpty)
    let reopened = try LocalFixture(try fixture.directory.copy(), clock: fixture.clock)
    try await reopened.store.create(config: try config())
    guard case .appended = await reopened.store.append([try batch(["new"], producer: 7, sequence: 0)])[0] else {
      return fail("a batch of a forgotten producer that begins anew is taken for a repeat")
    }
  }
}
