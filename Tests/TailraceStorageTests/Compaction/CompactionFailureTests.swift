import Glibc
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Compaction that cannot get on: the partition is unharmed.
@Suite struct CompactionFailureTests {
  private func log() async throws -> CompactedLog {
    let fixture = try await CompactedLog()
    try await fixture.append((0..<40).map { [Keyed("k\($0 % 5)", "\($0)")] })
    return fixture
  }

  private func leftovers(_ directory: TestDirectory) throws -> [String] {
    try [".compacting", ".swap", ".torn"].flatMap { try directory.files($0) }
  }

  @Test(arguments: ["write", "sync", "create"]) func `a file that cannot be written is removed and tried again later`(
    _ step: String
  ) async throws {
    let fixture = try await log()
    let before = try fixture.records()
    fixture.fileSystem.set { change in
      guard change.path.hasSuffix(".compacting"), "\(change)".hasPrefix(step) else { return nil }
      return step == "sync" ? EIO : ENOSPC
    }
    for _ in 0..<2 {
      guard case .failed(let error) = try #require(try fixture.compact()).outcome else {
        Issue.record("compaction did not fail")
        return
      }
      #expect(error.kind == (step == "sync" ? .inputOutput : .full))
    }
    #expect(try fixture.records() == before && leftovers(fixture.directory) == [])
    try await fixture.append(["k0": "later"])
    #expect(fixture.log.lines.filter { $0.hasPrefix("warning: compaction failed") }.count == 1)
    fixture.fileSystem.set(nil)
    #expect(try fixture.compact()?.outcome == .complete)
    #expect(try fixture.records().count < 15 && latest(fixture.records())["k0"] == "later")
  }

  /// Each step of a swap fails once, alone: everything can still be read, now and after a start.
  @Test func `a swap that cannot be brought to its end is left to the next start`() async throws {
    var step = 0
    while true {
      let fixture = try await log()
      let before = try fixture.records()
      let count = Mutex(0)
      let failing = step
      fixture.fileSystem.set { change in
        switch change {
        case .rename(_, let path) where path.hasSuffix("/state"): return nil
        case .rename, .syncDirectory, .remove:
          return count.withLock { count in
            count += 1
            return count == failing + 1 ? EIO : nil
          }
        default: return nil
        }
      }
      let report = try #require(try fixture.compact())
      fixture.fileSystem.set(nil)
      let found = try fixture.records()
      #expect(latest(found) == latest(before) && Set(found).isSubset(of: before), "step \(step)")
      switch report.outcome {
      case .complete: break
      case .failed: #expect(try fixture.compact()?.outcome == .complete, "step \(step)")
      case .barred: #expect(try fixture.compact() == nil, "step \(step)")
      case .interrupted: Issue.record("step \(step)")
      }
      try await fixture.append(["k0": "later"])
      let reopened = try await fixture.afterKill()
      #expect(try leftovers(reopened.directory) == [], "step \(step)")
      #expect(try Set(reopened.records()).isSuperset(of: fixture.records().suffix(1)), "step \(step)")
      _ = try reopened.compact()
      #expect(try latest(reopened.records()) == latest(fixture.records()), "step \(step)")
      if count.withLock({ $0 }) <= step { break }
      step += 1
    }
    print("CompactionFailureTests: \(step) steps made to fail")
    #expect(step > 15)
  }

  @Test(arguments: [20, 125]) func `damage stops compaction and is not rewritten away`(_ position: Int) async throws {
    let fixture = try await log()
    try await fixture.store.close()
    let directory = try fixture.directory.copy()
    let path = try directory.files(".log")[2]
    var bytes = try TestDirectory.read(path)
    bytes.setInteger(try #require(bytes.getInteger(at: position, as: UInt8.self)) ^ 4, at: position)
    try TestDirectory.write(bytes, to: path)
    for start in [directory, try directory.copy()] {
      let reopened = try await CompactedLog(start)
      guard case .barred(let error) = try #require(try reopened.compact()).outcome else {
        Issue.record("compaction went over damage")
        return
      }
      #expect(error.kind == .dataLoss)
      #expect(try reopened.compact() == nil)
      #expect(reopened.log.lines.filter { $0.hasPrefix("error: compaction stopped") }.count == 1)
      #expect(try TestDirectory.read(try start.files(".log")[2]) == bytes)
      #expect(try leftovers(start) == [])
      try await reopened.append(["k0": "later"])
    }
  }

  @Test func `a compaction that is to stop stops between two batches and leaves nothing behind`() async throws {
    var calls = 0
    while true {
      let fixture = try await log()
      let before = try fixture.records()
      let left = Mutex(calls)
      let report = try #require(
        try fixture.compact {
          left.withLock { left in
            left -= 1
            return left < 0
          }
        })
      let found = try fixture.records()
      #expect(latest(found) == latest(before) && Set(found).isSubset(of: before))
      #expect(try leftovers(fixture.directory) == [])
      if report.outcome == .complete { break }
      #expect(report.outcome == .interrupted && report.passCount == 0)
      #expect(try fixture.partition.state.withLock { $0.compactedEnd } == .zero)
      #expect(try fixture.compact()?.outcome == .complete)
      calls += 7
    }
    #expect(calls > 40)
  }

  @Test func `segments that are trimmed meanwhile are not brought back`() async throws {
    let fixture = try await log()
    let partition = try fixture.partition
    let isDone = Mutex(false)
    fixture.fileSystem.set { change in
      guard case .sync(let path) = change, path.hasSuffix(".compacting") else { return nil }
      if !isDone.withLock({ $0 }) {
        isDone.withLock { $0 = true }
        partition.restructuring.withLock { _ in partition.state.withLock { _ = $0.segments.removeFirst() } }
      }
      return nil
    }
    #expect(try fixture.compact()?.outcome == .interrupted)
    fixture.fileSystem.set(nil)
    #expect(try leftovers(fixture.directory) == [])
    let first = partition.state.withLock { $0.segments[0].baseOffset }
    #expect(first > .zero)
    #expect(try readAll(partition, from: first.rawValue).records.count > 20)
  }

  @Test func `a partition that is dropped meanwhile is left alone`() async throws {
    let fixture = try await log()
    let partition = try fixture.partition
    fixture.fileSystem.set { change in
      if case .sync(let path) = change, path.hasSuffix(".compacting") {
        partition.end(.unknown(partition.id)).perform()
      }
      return nil
    }
    #expect(try fixture.compact()?.outcome == .interrupted)
    #expect(partition.state.withLock { $0.segments.count } == (try fixture.segmentFiles().count))
  }
}
