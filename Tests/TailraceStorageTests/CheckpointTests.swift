import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Starts after a crash of a log whose checkpoint lies far inside a segment.
@Suite struct CheckpointTests {
  private static let large = (0..<40).map { "\($0)" + String(repeating: "x", count: 10_000) }
  private static let tail = ["40", "41", "42"]

  /// 400 KB below the checkpoint and three batches past it, all of one producer; the process is dead.
  private func killedLog() async throws -> TestDirectory {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await append(Self.large, from: 0, to: fixture.store)
    // A start after a crash writes a checkpoint at the end of what it accepts.
    let reopened = try fixture.afterKill()
    try await reopened.store.create()
    try await append(Self.tail, from: 40, to: reopened.store)
    let copy = try reopened.directory.copy()
    let state = try #require(StateFile.decode(try TestDirectory.read(try statePath(copy))))
    #expect(state.durableEndOffset == 40 && Int(state.durableEndPosition) > LogRecovery.alwaysCheckedBytes)
    return copy
  }

  private func append(_ values: [String], from first: UInt32, to store: LocalLogStore) async throws {
    for (index, value) in values.enumerated() {
      let sequence = first + UInt32(index)
      let sent = try batch([value], producer: 7, sequence: sequence, timestampMs: 1_000 + Int64(sequence))
      guard case .appended = await store.append([sent])[0] else { return fail("batch \(sequence) is not taken") }
    }
  }

  private func statePath(_ directory: TestDirectory) throws -> String {
    try #require(try directory.files("state").first)
  }

  private func expectAll(_ store: LocalLogStore, _ expected: [String]) async throws {
    #expect(try await store.describe(partitionA).fault == nil)
    #expect(try await store.allRecords(maxBytes: 50_000).map(\.value) == expected)
    #expect(try await store.firstOffset(atOrAfter: 1_017)?.offset == Offset(17))
    let last = UInt32(expected.count - 1)
    let again = try batch([expected[Int(last)]], producer: 7, sequence: last, timestampMs: 1_000 + Int64(last))
    guard case .duplicate = await store.append([again])[0] else { return fail("the last batch is not known again") }
  }

  @Test func `only what is past the checkpoint is read, and all of the log is there`() async throws {
    let fixture = try LocalFixture(try await killedLog())
    try await fixture.store.create()
    #expect(fixture.fileSystem.counts.segmentReadBytes < 20_000)
    #expect(fixture.store.startReport.bytesChecked < 1_000)
    try await expectAll(fixture.store, Self.large + Self.tail)
    let killed = try fixture.afterKill()
    try await killed.store.create()
    try await expectAll(killed.store, Self.large + Self.tail)
  }

  @Test func `a torn tail past the checkpoint is cut there`() async throws {
    let directory = try await killedLog()
    let path = try directory.files(".log")[0]
    try RealFileSystem().open(path, .readWrite).truncate(to: try TestDirectory.read(path).readableBytes - 5)
    let fixture = try LocalFixture(directory)
    try await fixture.store.create()
    #expect(try directory.files(".torn").count == 1)
    try await expectAll(fixture.store, Self.large + Self.tail.dropLast())
  }

  @Test func `the whole tail torn leaves the log as the checkpoint has it`() async throws {
    let directory = try await killedLog()
    let state = try #require(StateFile.decode(try TestDirectory.read(try statePath(directory))))
    try RealFileSystem().open(try directory.files(".log")[0], .readWrite).truncate(
      to: Int(state.durableEndPosition) + 50)
    let fixture = try LocalFixture(directory)
    try await fixture.store.create()
    #expect(try directory.files(".torn").count == 1)
    try await expectAll(fixture.store, Self.large)
  }

  @Test(arguments: [-118, -1, 1, 200_000]) func `a checkpoint that names a wrong place costs a scan and nothing else`(
    _ shift: Int
  ) async throws {
    let directory = try await killedLog()
    var state = try #require(StateFile.decode(try TestDirectory.read(try statePath(directory))))
    state.durableEndPosition = UInt32(Int(state.durableEndPosition) + shift)
    try TestDirectory.write(try StateFile.encode(state), to: try statePath(directory))
    let fixture = try LocalFixture(directory)
    try await fixture.store.create()
    #expect(try directory.files(".torn").isEmpty)
    try await expectAll(fixture.store, Self.large + Self.tail)
  }

  @Test func `a segment that ends before the checkpoint is a loss`() async throws {
    let directory = try await killedLog()
    try RealFileSystem().open(try directory.files(".log")[0], .readWrite).truncate(to: 300_000)
    let fixture = try LocalFixture(directory)
    try await fixture.store.create()
    #expect(try await fixture.store.describe(partitionA).fault?.kind == .dataLoss)
    #expect(try directory.files(".torn").isEmpty)
    #expect(try await fixture.store.records(from: 0, maxBytes: 1).first?.value == Self.large[0])
  }
}
