import Dispatch
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Readers while segments are replaced under them.
@Suite struct CompactionReadTests {
  @Test func `readers see every offset once, in order, and the latest of each key`() async throws {
    var generator = SeededGenerator(for: "CompactionReadTests")
    var options = LocalLogStore.Options.alone
    // Files are opened by their names again and again.
    options.idleOpenFiles = 1
    let fixture = try await CompactedLog(config: CompactedLog.config(segmentBytes: 40_000), options: options)
    let threads = ReadingThreads(try fixture.partition)
    try threads.start(seed: generator.seed)
    let padding = String(repeating: "x", count: 400)
    var number = 0
    for batch in 1...500 {
      let records = (0..<8).map { _ in
        number += 1
        return Keyed("k\(generator.below(40))", "\(number) \(padding)")
      }
      try await fixture.append([records], compression: Compression.allCases[generator.below(4)])
      threads.note(records)
      // On a crowded machine compaction and readers are to keep up, too: these batches fill a segment at least.
      if batch % 50 == 0 { await expectSoon { threads.passes >= batch / 50 - 1 && threads.reads >= batch / 20 } }
    }
    let tally = threads.stop()
    #expect(tally.failures == [], "seed \(generator.seed)")
    #expect(tally.reads > 20 && tally.passes > 5 && tally.lookups > 0)
    print("CompactionReadTests: \(tally.reads) whole reads, \(tally.lookups) lookups, \(tally.passes) passes")
  }
}

/// Three threads that read, one that looks for times, one that compacts: each once for whatever is noted, beside the others.
private final class ReadingThreads: Sendable {
  struct Tally {
    /// By key: the number of its last durable record.
    var newest: [String: Int] = [:]
    var isDone = false
    var failures: [String] = []
    var reads = 0
    var lookups = 0
    var passes = 0
  }

  private let log: PartitionLog
  private let tally = Mutex(Tally())
  private let ended = DispatchSemaphore(value: 0)
  /// Of each thread: what was noted and not looked at yet.
  private let news = (0..<5).map { _ in DispatchSemaphore(value: 0) }

  init(_ log: PartitionLog) { self.log = log }

  var passes: Int { tally.withLock { $0.passes } }
  var reads: Int { tally.withLock { $0.reads } }

  func note(_ records: [Keyed]) {
    tally.withLock { tally in
      for record in records { tally.newest[record.key ?? ""] = serial(record) }
    }
    for thread in news { thread.signal() }
  }

  func start(seed: UInt64) throws {
    for reader in 0..<3 {
      try run(reader) { [self] in
        let (maxBytes, form) = [(1_000, ReadForm.bytes), (100_000, .chunks), (1 << 20, .bytes)][reader]
        try readOnce(maxBytes: maxBytes, form: form)
      }
    }
    try run(3) { [self] in
      let place = try log.firstOffset(atOrAfter: 500)
      tally.withLock { $0.lookups += place == nil ? 0 : 1 }
    }
    let generator = Mutex(SeededGenerator(seed: seed &+ 1))
    try run(4) { [self] in
      let mapBytes = generator.withLock { [0, 1_000, 1 << 20][$0.below(3)] }
      let options = CompactionOptions(keyMapBytes: mapBytes, minDirtyRatio: 0)
      let report = log.compact(options, nowMs: log.clock.nowMs()) { false }
      guard let report else { return }
      tally.withLock { $0.passes += report.passCount }
      if report.outcome != .complete { throw UnexpectedOutcome(outcome: "\(report.outcome)") }
    }
  }

  func stop() -> Tally {
    tally.withLock { $0.isDone = true }
    for thread in news { thread.signal() }
    for _ in news { ended.waitForOne() }
    return tally.withLock { $0 }
  }

  private func run(_ thread: Int, _ body: @escaping @Sendable () throws -> Void) throws {
    try WorkerThread.start(name: "test") { [self] in
      while true {
        news[thread].wait()
        guard !tally.withLock({ $0.isDone || $0.failures.count > 3 }) else { break }
        do { try body() } catch { tally.withLock { $0.failures.append("\(error)") } }
      }
      ended.signal()
    }
  }

  private func readOnce(maxBytes: Int, form: ReadForm) throws {
    let expected = tally.withLock { $0.newest }
    var numbers: [String: Int] = [:]
    var next: Int64 = 0
    // What stood where this began may have gone for something newer, further on.
    repeat {
      let (records, end) = try readAll(log, from: next, maxBytes: maxBytes, form: form)
      for record in records {
        let (key, number) = (record.key ?? "", serial(record))
        if number <= numbers[key] ?? 0 { throw UnexpectedOutcome(outcome: "\(key): \(number) after \(numbers)") }
        numbers[key] = number
      }
      next = end
    } while next < log.bounds.highWatermark.rawValue && expected.contains { numbers[$0.key] ?? 0 < $0.value }
    for (key, number) in expected where numbers[key] ?? 0 < number {
      throw UnexpectedOutcome(outcome: "\(key): \(numbers[key] ?? 0), not \(number)")
    }
    tally.withLock { $0.reads += 1 }
  }

  private func serial(_ record: Keyed) -> Int { record.value.flatMap { Int($0.prefix { $0 != " " }) } ?? -1 }
}
