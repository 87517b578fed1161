import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What a crash leaves of a compaction: all of the old segments of a range, or all of the new one.
@Suite struct CompactionCrashTests {
  /// A log of which several groups of segments are rewritten, some merged.
  private func log() async throws -> CompactedLog {
    let fixture = try await CompactedLog(config: CompactedLog.config(segmentBytes: 300))
    for index in 0..<36 {
      try await fixture.append([[Keyed("k\(index * 7 % 10)", "\(index)"), Keyed("own\(index)", "\(index)")]])
    }
    try await fixture.store.configure(topic: topicA, config: CompactedLog.config(segmentBytes: 900), fence: .local)
    return fixture
  }

  private func expectGood(_ directory: TestDirectory, before: [Keyed], after: [Keyed], _ context: String) async throws {
    let fixture = try await CompactedLog(directory, config: CompactedLog.config(segmentBytes: 900))
    let found = try fixture.records()
    #expect(latest(found) == latest(before), "\(context)")
    #expect(Set(found).isSubset(of: before) && Set(found).isSuperset(of: after), "\(context)")
    for suffix in [".compacting", ".swap", ".torn"] { #expect(try directory.files(suffix).isEmpty, "\(context)") }
    let partition = try fixture.partition
    #expect(partition.state.withLock { $0.fault } == nil, "\(context)")
    try fixture.compact()
    #expect(try fixture.records() == after, "\(context)")
    try await fixture.append(["k0": "next"])
    #expect(try latest(fixture.records())["k0"] == "next", "\(context)")
  }

  @Test func `a kill before any change to the disk loses nothing and brings nothing back`() async throws {
    let fixture = try await log()
    let before = try fixture.records()
    let states = Mutex<[(HookedFileSystem.Change, TestDirectory)]>([])
    fixture.fileSystem.set { [directory = fixture.directory] change in
      if let copy = try? directory.copy() { states.withLock { $0.append((change, copy)) } }
      return nil
    }
    try fixture.compact()
    fixture.fileSystem.set(nil)
    let after = try fixture.records()
    #expect(after.count < before.count)
    let found = states.withLock { $0 }
    for (change, directory) in found {
      try await expectGood(directory, before: before, after: after, "before \(change)")
    }
    print("CompactionCrashTests: \(found.count) kills")
    #expect(found.count > 40)
  }

  @Test func `any changes to the directory may be lost that it was not synced after`() async throws {
    let fixture = try await log()
    let before = try fixture.records()
    let recorder = LossRecorder(fixture.directory, try fixture.directory.copy())
    fixture.fileSystem.set { change in
      recorder.note(change)
      return nil
    }
    try fixture.compact()
    fixture.fileSystem.set(nil)
    let after = try fixture.records()
    let states = try recorder.states()
    for (lost, directory) in states {
      try await expectGood(directory, before: before, after: after, "lost: \(lost)")
    }
    print("CompactionCrashTests: \(states.count) states with lost changes")
    #expect(states.count > 40)
  }

  // MARK: - Swap files that cannot be believed

  /// A directory in which the first swap counts, and nothing of it is done yet; and its records.
  private func declared() async throws -> (directory: TestDirectory, before: [Keyed]) {
    let fixture = try await log()
    let before = try fixture.records()
    let kept = Mutex<TestDirectory?>(nil)
    fixture.fileSystem.set { [directory = fixture.directory] change in
      if case .remove(let path) = change, !path.hasSuffix("ing") {
        kept.withLock { kept in if kept == nil { kept = try? directory.copy() } }
      }
      return nil
    }
    try fixture.compact()
    let directory = try #require(kept.withLock { $0 })
    #expect(try directory.files(".swap").count == 1)
    return (directory, before)
  }

  @Test(arguments: [0, 20, -1]) func `a damaged swap file is set aside where the old segments are there`(
    _ position: Int
  ) async throws {
    let (directory, before) = try await declared()
    let path = try #require(try directory.files(".swap").first)
    var bytes = try TestDirectory.read(path)
    if position < 0 {
      bytes = try #require(bytes.getSlice(at: 0, length: bytes.readableBytes - 1))
    } else {
      bytes.setInteger(0xFF as UInt8, at: position)
    }
    try TestDirectory.write(bytes, to: path)
    let fixture = try await CompactedLog(directory)
    #expect(try fixture.records() == before)
    #expect(try directory.files(".torn").count == 1 && directory.files(".swap").isEmpty)
  }

  @Test func `a damaged swap file is used where it is the only copy, and the damage reported`() async throws {
    let (directory, before) = try await declared()
    let path = try #require(try directory.files(".swap").first)
    var bytes = try TestDirectory.read(path)
    let first = try bytes.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
    bytes.setInteger(0xFF as UInt8, at: first.batchByteCount)
    try TestDirectory.write(bytes, to: path)
    try RealFileSystem().removeFile(try directory.files(".log")[1])
    let fixture = try await CompactedLog(directory)
    #expect(
      try await fixture.store.records(maxBytes: 1).allSatisfy { record in before.contains { $0.offset == record.offset }
      })
    let damaged = try #require(first.nextOffset).rawValue
    #expect(await kind { try await fixture.store.records(from: damaged) } == .dataLoss)
    guard case .barred = try #require(try fixture.compact()).outcome else {
      Issue.record("compaction went over damage")
      return
    }
  }

  @Test func `a swap file that a later compaction has overtaken is set aside`() async throws {
    let (directory, _) = try await declared()
    let swap = try #require(try directory.files(".swap").first)
    let stale = try TestDirectory.read(swap)
    let fixture = try await CompactedLog(directory, config: CompactedLog.config(segmentBytes: 100_000))
    try fixture.compact()
    let after = try fixture.records()
    #expect(try directory.files(".log").count == 2)
    let copy = try directory.copy()
    let topic = try #require(try RealFileSystem().list("\(copy.path)/topics").first)
    try TestDirectory.write(stale, to: "\(copy.path)/topics/\(topic)/0/\(swap.split(separator: "/").last ?? "")")
    let reopened = try await CompactedLog(copy)
    #expect(try reopened.records() == after)
    #expect(try copy.files(".torn").count == 1 && copy.files(".swap").isEmpty)
  }

  @Test func `a swap file below the log's start is removed`() async throws {
    let (directory, before) = try await declared()
    let path = try #require(try directory.files(".swap").first)
    let folder = String(path.dropLast(path.split(separator: "/").last?.count ?? 0).dropLast())
    let swap = try #require(SegmentSwap(directory: folder, fileName: String(path.split(separator: "/").last ?? "")))
    var state = try #require(try StateFile.read(directory: folder, fileSystem: RealFileSystem()))
    state.logStartOffset = swap.end.rawValue
    try StateFile.write(state, directory: folder, fileSystem: RealFileSystem())
    for log in try directory.files(".log") {
      let base = try #require(LogSegment.baseOffset(ofFileName: String(log.suffix(24))))
      if base < swap.end { try RealFileSystem().removeFile(log) }
    }
    let fixture = try await CompactedLog(directory)
    #expect(try fixture.records(from: swap.end.rawValue) == before.filter { $0.offset >= swap.end.rawValue })
    #expect(try directory.files(".swap").isEmpty && directory.files(".torn").isEmpty)
  }
}

/// Makes what a power loss may leave: at each fsync of the directory any of the changes since the last one, lost.
private final class LossRecorder: Sendable {
  private struct Contents {
    /// As it was durable last.
    var durable: TestDirectory
    var pending: [HookedFileSystem.Change] = []
    var states: [(lost: [HookedFileSystem.Change], TestDirectory)] = []
    var failure: (any Error)?
  }

  private let live: TestDirectory
  private let contents: Mutex<Contents>

  init(_ live: TestDirectory, _ durable: TestDirectory) {
    self.live = live
    contents = Mutex(Contents(durable: durable))
  }

  func states() throws -> [(lost: [HookedFileSystem.Change], TestDirectory)] {
    let (states, failure) = contents.withLock { ($0.states, $0.failure) }
    if let failure { throw failure }
    return states
  }

  func note(_ change: HookedFileSystem.Change) {
    contents.withLock { contents in
      do {
        switch change {
        case .write, .truncate, .sync: break
        case .syncDirectory: try sync(&contents)
        case .remove(let path) where try RealFileSystem().status(path) == nil: break
        case .create, .rename, .remove: contents.pending.append(change)
        }
      } catch { contents.failure = error }
    }
  }

  private func sync(_ contents: inout Contents) throws {
    for subset in 0..<(1 << contents.pending.count) {
      let state = try contents.durable.copy()
      var lost: [HookedFileSystem.Change] = []
      for (index, change) in contents.pending.enumerated() {
        if subset & (1 << index) != 0 { try apply(change, in: state) } else { lost.append(change) }
      }
      contents.states.append((lost, state))
    }
    contents.pending = []
    contents.durable = try live.copy()
  }

  private func apply(_ change: HookedFileSystem.Change, in state: TestDirectory) throws {
    func moved(_ path: String) -> String { state.path + path.dropFirst(live.path.count) }
    switch change {
    case .create(let path):
      // Where it has another name since, its bytes go with that one.
      let isThere = try RealFileSystem().status(path) != nil
      try TestDirectory.write(isThere ? try TestDirectory.read(path) : ByteBuffer(), to: moved(path))
    case .rename(let source, let target):
      try RealFileSystem().removeFile(moved(source))
      try TestDirectory.write(try TestDirectory.read(target), to: moved(target))
    case .remove(let path): try RealFileSystem().removeFile(moved(path))
    default: break
    }
  }
}
