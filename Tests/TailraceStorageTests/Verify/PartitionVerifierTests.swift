import NIOCore
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Directories as a store leaves them, and as damage leaves them.
@Suite struct PartitionVerifierTests {
  private static let small = LogConfig(segmentBytes: 400)

  /// Thirty records in a partition of small segments.
  private func written(
    _ config: LogConfig = small, isClean: Bool, durability: AppendDurability = .durable
  ) async throws -> TestDirectory {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: config)
    for index in 0..<30 { try await fixture.store.append(["\(index)"], durability) }
    if isClean { try await fixture.store.close() }
    return try fixture.directory.copy()
  }

  @Test(arguments: [true, false]) func `a directory that a store left has no problem, stopped in order or not`(
    _ isClean: Bool
  ) async throws {
    let directory = try await written(isClean: isClean)
    let verdict = try Verdict(directory.path)
    #expect(verdict.findings.isEmpty, "\(verdict.findings)")
    let summary = try #require(verdict.summaries["orders/0"])
    #expect(summary.logEnd == Offset(30) && summary.totals.records == 30 && summary.totals.segments > 5)
    #expect(!verdict.isInUse)
  }

  @Test func `nothing is created or changed`() async throws {
    let directory = try TestDirectory()
    _ = try RealFileSystem().createDirectory("\(directory.path)/topics")
    #expect(try Verdict(directory.path).errors.map(\.kind) == [.state])
    #expect(try RealFileSystem().list(directory.path) == ["topics"])
  }

  @Test func `an open store is told of, and what it checkpointed can be verified`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: Self.small)
    for index in 0..<30 { try await fixture.store.append(["\(index)"]) }
    let verdict = try Verdict(fixture.directory.path, isOnline: true)
    #expect(verdict.isInUse && verdict.findings.isEmpty, "\(verdict.findings)")
    let partition = try #require(try fixture.directory.files(".log").first).split(separator: "/").dropLast()
    #expect(try Verdict("/" + partition.joined(separator: "/"), isOnline: true).isInUse)
    try await fixture.store.close()
    #expect(try !Verdict(fixture.directory.path).isInUse)
  }

  @Test func `a directory of something else is refused`() throws {
    let directory = try TestDirectory()
    #expect(throws: StorageError.self) { try Verdict(directory.path) }
    #expect(throws: StorageError.self) { try Verdict(directory.path + "/none") }
    try TestDirectory.write(
      ByteBuffer(string: "{\"format_version\":2,\"cluster_id\":\"?\"}"), to: directory.path + "/format.json")
    #expect(throws: StorageError.self) { try Verdict(directory.path) }
  }

  @Test func `a tail torn at any byte is a warning after a kill, an error after a clean stop`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append(["a", "b"])
    try await fixture.store.append(["torn"])
    let killed = try fixture.directory.copy()
    try await fixture.store.close()
    let clean = try fixture.directory.copy()
    let path = try #require(try killed.files(".log").first)
    let whole = try TestDirectory.read(path)
    let good = try batch(["a", "b"]).byteCount
    for length in good..<whole.readableBytes {
      let bytes = try #require(whole.getSlice(at: 0, length: length))
      try TestDirectory.write(bytes, to: path)
      let torn = try Verdict(killed.path)
      #expect(torn.errors.isEmpty, "torn at \(length): \(torn.errors)")
      #expect(torn.warnings.map(\.kind) == (length == good ? [] : [.tornTail]), "torn at \(length)")
      try TestDirectory.write(bytes, to: try #require(try clean.files(".log").first))
      let lost = try Verdict(clean.path)
      #expect(!lost.errors.isEmpty && lost.warnings.isEmpty, "torn at \(length): \(lost.warnings)")
    }
    print("\(whole.readableBytes - good) torn ends")
  }

  @Test func `damage below the checkpoint or a later batch's durable end is an error`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for value in ["a", "b", "c"] { try await fixture.store.append([value]) }
    let one = try batch(["a"]).byteCount
    let proven = try fixture.directory.copy()
    try flip(one + 20, in: proven)
    let verdict = try Verdict(proven.path)
    #expect(verdict.errors.map(\.kind) == [.damage] && verdict.warnings.isEmpty, "\(verdict.findings)")
    #expect(verdict.errors.first?.position == one && verdict.errors.first?.offset == Offset(1))

    let last = try fixture.directory.copy()
    try flip(2 * one + 119, in: last)
    #expect(try Verdict(last.path).findings.map(\.kind) == [.tornTail])

    // A start notes in the state file what it found on disk.
    let checkpointed = try fixture.afterKill()
    try await checkpointed.store.create()
    let copy = try checkpointed.directory.copy()
    try flip(2 * one + 119, in: copy)
    #expect(try Verdict(copy.path).errors.map(\.kind) == [.damage])
  }

  @Test(arguments: [0, 2, -1]) func `a segment that is missing is an error`(_ index: Int) async throws {
    for isClean in [true, false] {
      let directory = try await written(isClean: isClean)
      let paths = try directory.files(".log")
      try RealFileSystem().removeFile(paths[index < 0 ? paths.count - 1 : index])
      let verdict = try Verdict(directory.path)
      // Nothing tells of the last one after a kill: no checkpoint, no later batch.
      if index < 0, !isClean { continue }
      #expect(verdict.errors.map(\.kind) == [.missing], "\(isClean) \(verdict.findings)")
    }
  }

  @Test func `a partition or topic that is gone since a clean stop is an error`() async throws {
    let directory = try await written(isClean: true)
    for path in try directory.files(".log") { try RealFileSystem().removeFile(path) }
    #expect(try Verdict(directory.path).errors.map(\.kind) == [.missing])
    try RealFileSystem().removeTree("\(directory.path)/topics/orders@\(topicA)")
    #expect(try Verdict(directory.path).errors.map(\.kind) == [.missing])
  }

  @Test func `a state file that is missing, damaged or another partition's is an error`() async throws {
    let directory = try await written(isClean: true)
    let path = try #require(try directory.files("state").first)
    let whole = try TestDirectory.read(path)
    var state = try #require(StateFile.decode(whole))
    state.topicID = topicB.bytes
    try TestDirectory.write(try StateFile.encode(state), to: path)
    #expect(try Verdict(directory.path).errors.map(\.kind) == [.state])
    for bit in 0..<(whole.readableBytes * 8) {
      var bytes = whole
      bytes.setInteger((bytes.getInteger(at: bit / 8, as: UInt8.self) ?? 0) ^ (1 << UInt8(bit % 8)), at: bit / 8)
      try TestDirectory.write(bytes, to: path)
      #expect(try Verdict(directory.path).errors.map(\.kind) == [.state], "bit \(bit)")
    }
    try RealFileSystem().removeFile(path)
    #expect(try Verdict(directory.path).errors.map(\.kind) == [.state])
  }

  @Test func `leftovers are warnings, indexes are counted, and damaged ones warned of`() async throws {
    let directory = try await written(isClean: true)
    let partition = "\(directory.path)/topics/orders@\(topicA)/0"
    let before = try #require(try Verdict(directory.path).summaries["orders/0"]?.indexFiles)
    for name in ["x.txt", "state.new", "a.log.swap", "a.compacting", "a.log.torn", "a.log.torn.2"] {
      try TestDirectory.write(ByteBuffer(string: "?"), to: "\(partition)/\(name)")
    }
    for name in ["00000000000000000099.index", "00000000000000000099.timeindex", "00000000000000000030.producers"] {
      try TestDirectory.write(ByteBuffer(string: "?"), to: "\(partition)/\(name)")
    }
    let verdict = try Verdict(directory.path)
    #expect(verdict.errors.isEmpty && verdict.warnings.filter { $0.kind == .leftover }.count == 6)
    #expect(verdict.warnings.filter { $0.kind == .derived && $0.path.contains("/000000000000000000") }.count == 3)
    #expect(verdict.warnings.count == 9)
    #expect(verdict.summaries["orders/0"]?.indexFiles == before + 2)
    #expect(verdict.summaries["orders/0"]?.producerSnapshots == 1)
  }

  /// Whatever a start cuts off, the verifier calls a torn tail; whatever it reports as lost, an error.
  @Test(arguments: [LogConfig.Durability.durable, .os]) func `the verdict is that of the next start`(
    _ durability: LogConfig.Durability
  ) async throws {
    var config = Self.small
    config.durability = durability
    let directory = try await written(config, isClean: false, durability: durability == .os ? .written : .durable)
    let seed = UInt64.random(in: 0..<1_000_000)
    var generator = SeededGenerator(seed: seed)
    var counts = (cut: 0, lost: 0, unseen: 0)
    for round in 0..<150 {
      let copy = try directory.copy()
      let paths = try copy.files(".log")
      let path = paths[generator.below(2) == 0 ? paths.count - 1 : generator.below(paths.count)]
      var bytes = try TestDirectory.read(path)
      if generator.below(3) == 0 {
        bytes = try #require(bytes.getSlice(at: 0, length: generator.below(bytes.readableBytes)))
      } else {
        let at = generator.below(bytes.readableBytes)
        bytes.setInteger((bytes.getInteger(at: at, as: UInt8.self) ?? 0) ^ 0x10, at: at)
      }
      try TestDirectory.write(bytes, to: path)
      let verdict = try Verdict(copy.path)
      let reopened = try LocalFixture(copy)
      try await reopened.store.create(config: config)
      let isLost = try await reopened.store.describe(partitionA).fault != nil
      let isCut = try !copy.files(".torn").isEmpty || copy.files(".torn.2").count > 0
      let context = "seed \(seed), round \(round): \(verdict.findings)"
      if isLost { #expect(!verdict.errors.isEmpty, "\(context)") }
      if isCut { #expect(verdict.errors.isEmpty && verdict.warnings.map(\.kind).contains(.tornTail), "\(context)") }
      // A start does not look at finished segments.
      if path != paths.last { #expect(!verdict.errors.isEmpty || isCut, "\(context)") }
      // The store goes on while it is copied: a file may be there that was just being replaced.
      let isTorn = verdict.warnings.contains { $0.kind == .tornTail }
      if verdict.errors.isEmpty, isTorn { #expect(isCut && !isLost, "\(context)") }
      if isCut { counts.cut += 1 } else if isLost { counts.lost += 1 } else { counts.unseen += 1 }
    }
    print("\(durability), seed \(seed): \(counts)")
    #expect(counts.cut + counts.lost > 0)
  }

  private func flip(_ index: Int, in directory: TestDirectory) throws {
    let path = try #require(try directory.files(".log").first)
    var bytes = try TestDirectory.read(path)
    bytes.setInteger((bytes.getInteger(at: index, as: UInt8.self) ?? 0) ^ 4, at: index)
    try TestDirectory.write(bytes, to: path)
  }
}
