import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// A script of some dozen operations, run with one or all calls to the file system failing from some call on, and what
/// must hold of it whatever fails:
///
/// - every call to the store is answered, with success or with an error;
/// - a partition that has no fault takes appends once the calls work again, and one that has refuses them and can be
///   read up to its high watermark;
/// - after a kill all that was acked is there, after a power loss all that was acked as durable; nothing that was refused
///   is; and the next start finds no fault.
final class FaultRun: Sendable {
  static let partitions = [partitionA, PartitionID(topic: topicA, index: 1), PartitionID(topic: topicB, index: 0)]
  private static let segmentBytes = 600

  /// What became of one batch.
  struct Sent: Sendable {
    var records: ByteBuffer
    var outcome: AppendOutcome
    var durability: AppendDurability
  }

  struct Counts: Sendable {
    var acked = 0
    var refused = 0
    var unknown = 0
    var failedStarts = 0
    var failedCalls = 0
    var faultyPartitions = 0
    var failures = 0

    mutating func add(_ other: Counts) {
      acked += other.acked
      refused += other.refused
      unknown += other.unknown
      failedStarts += other.failedStarts
      failedCalls += other.failedCalls
      faultyPartitions += other.faultyPartitions
      failures += other.failures
    }
  }

  let plan: FaultPlan
  let clock = ManualClock()
  private let sent = Mutex<[PartitionID: [Sent]]>([:])
  private let contents = Mutex(Counts())

  init(_ fault: FileSystemFault?) { plan = FaultPlan(fault) }

  var counts: Counts {
    contents.withLock { counts in
      counts.failures = plan.failures.count
      return counts
    }
  }

  /// Runs the script of a seed and checks what is left of it.
  func run(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    var disk = RecordingFileSystem()
    for isLast in [false, true] {
      guard let store = await open(disk) else { throw Violation("the store does not open") }
      for _ in 0..<12 { try await step(store, &generator) }
      if isLast {
        plan.fail(nil)
        try await checkPartitions(of: store)
        let history = disk.history
        disk = disk.kill()
        try await checkAfterCrash(history)
      } else {
        await count { try await store.close() }
        disk = disk.kill()
      }
    }
  }

  // MARK: - The script

  /// Opens a store and makes the partitions known; with everything working where it does not work at once.
  private func open(_ disk: RecordingFileSystem) async -> LocalLogStore? {
    var opened: LocalLogStore?
    for attempt in 0..<3 where opened == nil {
      if attempt == 2 { plan.fail(nil) }
      do throws(StorageError) {
        opened = try ScriptedHistory.open(FaultyFileSystem(disk, plan), clock)
      } catch {
        contents.withLock { $0.failedStarts += 1 }
      }
    }
    if let opened { await makeKnown(opened) }
    return opened
  }

  private func makeKnown(_ store: LocalLogStore) async {
    let config = LogConfig(segmentBytes: Self.segmentBytes)
    let lazy = LogConfig(durability: .os, segmentBytes: Self.segmentBytes)
    await count {
      try await store.create(Array(Self.partitions[..<2]), topicName: "orders", config: config, fence: .local)
    }
    await count { try await store.create([Self.partitions[2]], topicName: "lazy", config: lazy, fence: .local) }
  }

  private func step(_ store: LocalLogStore, _ generator: inout SeededGenerator) async throws {
    let partition = Self.partitions[generator.below(3)]
    switch generator.below(12) {
    case 0: await makeKnown(store)
    case 1, 2:
      let end = (try? store.bounds(of: partition).highWatermark.rawValue) ?? 0
      let offset = Int64(generator.below(Int(end) + 1))
      await count { _ = try await store.records(from: offset, of: partition) }
    default:
      let batches = try (0...generator.below(3)).map { _ in
        try batch(["\(generator.next())", String(repeating: "x", count: generator.below(60))])
      }
      try await append(batches, to: partition, generator.below(3) > 0 ? .durable : .written, store)
    }
  }

  private func count(_ body: () async throws -> Void) async {
    do { try await body() } catch { contents.withLock { $0.failedCalls += 1 } }
  }

  /// Appends batches in one call, each as a request of its own. Time goes on until all are answered.
  @discardableResult
  private func append(
    _ batches: [ValidatedBatch], to partition: PartitionID, _ durability: AppendDurability, _ store: LocalLogStore
  ) async throws -> [AppendOutcome] {
    let outcomes = Mutex<[Int: AppendOutcome]>([:])
    store.append(
      batches.enumerated().map { index, batch in
        AppendRequest(partition: partition, batch: batch, durability: durability) { arrived in
          outcomes.withLock { $0[index] = arrived }
        }
      }, fence: .local)
    let deadline = ContinuousClock.now + .seconds(120)
    while outcomes.withLock({ $0.count }) < batches.count {
      guard ContinuousClock.now < deadline else { throw Violation("an append is never answered") }
      clock.advance(byMs: 10)
      await Task.yield()
    }
    let found = outcomes.withLock { outcomes in batches.indices.compactMap { outcomes[$0] } }
    for (batch, outcome) in zip(batches, found) { note(batch, outcome, of: partition, durability) }
    return found
  }

  private func note(
    _ batch: ValidatedBatch, _ outcome: AppendOutcome, of partition: PartitionID, _ durability: AppendDurability
  ) {
    sent.withLock {
      $0[partition, default: []].append(Sent(records: batch.records, outcome: outcome, durability: durability))
    }
    contents.withLock { counts in
      switch outcome {
      case .appended, .duplicate: counts.acked += 1
      case .refused: counts.refused += 1
      case .unknown: counts.unknown += 1
      }
    }
  }

  // MARK: - What must hold

  /// All calls work again: partitions without a fault do too.
  private func checkPartitions(of store: LocalLogStore) async throws {
    await makeKnown(store)
    for partition in Self.partitions {
      let fault = try await store.describe(partition).fault
      let outcome = try await append([try batch(["last of \(partition.index)"])], to: partition, .durable, store)[0]
      switch (fault, outcome) {
      case (nil, .appended): break
      case (let fault?, .refused(let error)) where error.kind == fault.kind:
        contents.withLock { $0.faultyPartitions += 1 }
      default:
        throw Violation("a partition with the fault \(fault.debugDescription) answers an append with \(outcome)")
      }
      guard let end = try? store.bounds(of: partition).highWatermark.rawValue else { continue }
      try await FaultCheck(sent: sent.withLock { $0[partition] ?? [] }).check(partition, of: store, upTo: end, nil)
    }
  }

  private func checkAfterCrash(_ history: DiskHistory) async throws {
    let cursor = history.end
    for loss in [CrashLoss.nothing, .allUnsynced] {
      var generator = SeededGenerator(seed: 0)
      let store = try ScriptedHistory.open(cursor.crash(loss, using: &generator), clock)
      await makeKnown(store)
      for partition in Self.partitions {
        if let fault = try await store.describe(partition).fault { throw Violation("after \(loss): \(fault)") }
        let end = try store.bounds(of: partition).logEnd.rawValue
        let check = FaultCheck(sent: sent.withLock { $0[partition] ?? [] })
        try await check.check(partition, of: store, upTo: end, loss)
      }
    }
  }
}

/// Compares a partition with what was sent to it.
struct FaultCheck {
  let sent: [FaultRun.Sent]

  /// Everything below `end` was sent, in that order, and was not refused; and where `loss` is given, all that was acked
  /// and survives it is there.
  func check(_ id: PartitionID, of store: LocalLogStore, upTo end: Int64, _ loss: CrashLoss?) async throws {
    var place = 0
    var found: Set<Int> = []
    var next: Int64 = 0
    while next < end {
      var rest = try bytes(try await store.result(from: next, of: id))
      while rest.readableBytes > 0 {
        let header = try rest.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
        rest.moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
        let records = rest.readSlice(length: Int(header.recordsLength))
        while place < sent.count, sent[place].records != records || sent[place].isRefused { place += 1 }
        guard place < sent.count, header.baseOffset.rawValue == next, let after = header.nextOffset else {
          throw Violation("after \(loss.debugDescription): at \(next) of \(id) stands what was never taken")
        }
        found.insert(place)
        place += 1
        next = after.rawValue
      }
    }
    guard let loss else { return }
    for (number, batch) in sent.enumerated() where batch.mustBeThere(after: loss) && !found.contains(number) {
      throw Violation("after \(loss): batch \(number) of \(id) was acked and is gone: \(batch.outcome)")
    }
  }
}

extension FaultRun.Sent {
  fileprivate var isRefused: Bool {
    if case .refused = outcome { true } else { false }
  }

  fileprivate func mustBeThere(after loss: CrashLoss) -> Bool {
    guard case .appended = outcome else { return false }
    return durability == .durable || loss == .nothing
  }
}
