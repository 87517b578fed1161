import Glibc
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// A failed fsync as Linux has it: what it was to bring to disk counts as clean from then on, can be read, and is written
/// by no later fsync.
@Suite struct FailedSyncTests {
  private func open(_ disk: RecordingFileSystem) async throws -> LocalLogStore {
    let store = try ScriptedHistory.open(disk, ManualClock())
    try await store.create()
    return store
  }

  /// A log with one batch on disk and one whose fsync failed; the process is dead.
  private func failedLog() async throws -> RecordingFileSystem {
    let disk = RecordingFileSystem()
    let store = try await open(disk)
    try await store.append(["a"])
    disk.onSync { $0.hasSuffix(".log") ? EIO : nil }
    guard case .unknown = await store.append([try batch(["b"])])[0] else {
      throw UnexpectedOutcome(outcome: "acked without being on disk")
    }
    disk.onSync(nil)
    return disk.kill()
  }

  @Test func `a power loss after a failed fsync takes nothing that was acked`() async throws {
    var generator = SeededGenerator(for: "FailedSyncTests, power loss")
    let end = try await failedLog().history.end
    for loss in [CrashLoss.allUnsynced, .someUnsynced, .someUnsynced, .someUnsynced] {
      let store = try await open(end.crash(loss, using: &generator))
      #expect(try await store.describe(partitionA).fault == nil)
      #expect(try await store.records().map(\.value).first == "a")
    }
  }

  @Test func `what a start shows after a failed fsync is on disk whatever happens then`() async throws {
    var generator = SeededGenerator(for: "FailedSyncTests, restart and power loss")
    let disk = try await failedLog()
    let store = try await open(disk)
    let offset = try await store.append(["c"])
    let shown = try await store.records()
    #expect(shown.last == Plain(offset: offset, value: "c"))
    let end = disk.history.end
    for loss in [CrashLoss.nothing, .allUnsynced, .someUnsynced, .someUnsynced] {
      let after = try await open(end.crash(loss, using: &generator))
      #expect(try await after.describe(partitionA).fault == nil, "after \(loss)")
      #expect(try await after.records() == shown, "after \(loss)")
    }
  }
}
