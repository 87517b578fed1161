import Dispatch
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire

extension ScriptedHistory {
  /// Carries out a step, and waits until all that it began has ended.
  func perform(_ step: ScriptStep) async throws {
    switch step {
    case .append(let partition, let sizes, let durability):
      let id = partitions[partition]
      try await appendAndWait([try sizes.map { (id, try nextBatch($0, for: id)) }], durability)
    case .appendToAll(let size, let durability):
      try await appendAndWait([try partitions.map { ($0, try nextBatch(size, for: $0)) }], durability)
    case .appendDuringSync(let partition, let sizes, let durability):
      try await appendDuringSync(partitions[partition], sizes, durability)
    case .deleteRecords(let partition, let percent):
      try await deleteRecords(of: partitions[partition], percent: percent)
    case .letTimePass: await letTimePass()
    case .compact: try await store.compact()
    case .maintain: try await maintain()
    case .configure(let topic, let change): try await configure(topic, change)
    case .closeAndReopen:
      ledger.withLock { $0.closes.append(fileSystem.changeCount) }
      try await store.close()
      try await reopen()
    case .killAndReopen:
      fileSystem = fileSystem.kill()
      try await reopen()
    case .dropAndCreate(let topic): try await dropAndCreate(topic)
    }
    await settle()
  }

  private typealias Part = (partition: PartitionID, batch: ValidatedBatch)

  /// Two of three are of the partition's producer, which numbers its records.
  private func nextBatch(_ valueBytes: Int, for partition: PartitionID) throws -> ValidatedBatch {
    batchCount += 1
    let count = 1 + batchCount % 3
    let filler = String(repeating: "x", count: valueBytes / count)
    let hasKeys = ledger.withLock { $0.isCompacted(partition) }
    let plain = try keyedBatch(
      (0..<count).map { index in
        Keyed(
          hasKeys ? "key \((batchCount * 31 + index * 7) % Self.keyCount)" : nil,
          hasKeys && batchCount % 5 == 0 ? nil : "\(batchCount).\(index)" + filler)
      })
    guard batchCount % 3 > 0 else { return plain }
    let sequence = sequences[partition, default: 0]
    sequences[partition] = sequence + UInt32(count)
    return try plain.sent(by: Self.producer, sequence: sequence)
  }

  // MARK: - Appends

  /// Each element of `requests` is one request; they go in one call.
  private func appendAndWait(_ requests: [[Part]], _ durability: AppendDurability) async throws {
    let answers = Arrivals()
    start(requests, durability, answers)
    try await answers.wait(for: requests.count)
  }

  /// Hands requests to the store; what was taken is noted the moment it is answered.
  private func start(_ requests: [[Part]], _ durability: AppendDurability, _ answers: Arrivals) {
    let fileSystem = self.fileSystem
    store.append(
      requests.flatMap { parts in
        AppendRequest.together(
          parts.map { AppendPart(partition: $0.partition, batch: $0.batch) }, durability: durability
        ) { [ledger] outcomes in
          let at = fileSystem.changeCount
          ledger.withLock { ledger in
            for (part, outcome) in zip(parts, outcomes) {
              guard case .appended(let appended) = outcome else { continue }
              ledger.note(part.batch, of: part.partition, as: appended, isDurable: durability == .durable, at: at)
            }
          }
          answers.add(outcomes)
        }
      }, fence: .local)
  }

  private func appendDuringSync(
    _ partition: PartitionID, _ sizes: [Int], _ durability: AppendDurability
  ) async throws {
    let (started, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let isHeld = Mutex(false)
    fileSystem.onSync { path in
      guard path.hasSuffix(".log"), isHeld.withLock({ $0.turnOn() }) else { return nil }
      started.signal()
      gate.waitForOne()
      return nil
    }
    let answers = Arrivals()
    start([[(partition, try nextBatch(5, for: partition))]], .durable, answers)
    started.waitForOne()
    for size in sizes { start([[(partition, try nextBatch(size, for: partition))]], durability, answers) }
    noteSeen()
    gate.signal()
    try await answers.wait(for: sizes.count + 1)
    await settle()
    fileSystem.onSync(nil)
  }

  // MARK: - Other steps

  private func deleteRecords(of partition: PartitionID, percent: Int) async throws {
    let bounds = try store.bounds(of: partition)
    let (start, end) = (bounds.logStart.rawValue, bounds.highWatermark.rawValue)
    let target = start + (end - start) * Int64(percent) / 100
    ledger.withLock {
      $0.partitions[partition]?.trimsBegun.append(Ledger.Mark(at: fileSystem.changeCount, end: target))
    }
    let reached = try await store.deleteRecords(before: Offset(target), in: partition, fence: .local)
    guard reached.rawValue == target else { throw UnexpectedOutcome(outcome: "trimmed to \(reached), not \(target)") }
    ledger.withLock {
      $0.partitions[partition]?.trims.append(Ledger.Mark(at: fileSystem.changeCount, end: target))
    }
  }

  /// Retention may move a log's start to wherever the log is readable.
  private func maintain() async throws {
    noteStarts(asBegun: true) { $0.highWatermark }
    try await store.maintain()
    noteStarts(asBegun: true) { $0.logStart }
    noteStarts(asBegun: false) { $0.logStart }
  }

  private func noteStarts(asBegun isBegun: Bool, _ place: (PartitionBounds) -> Offset) {
    for partition in partitions {
      guard let bounds = try? store.bounds(of: partition) else { continue }
      let mark = Ledger.Mark(at: fileSystem.changeCount, end: place(bounds).rawValue)
      ledger.withLock { ledger in
        if isBegun {
          ledger.partitions[partition]?.trimsBegun.append(mark)
        } else {
          ledger.partitions[partition]?.trims.append(mark)
        }
      }
    }
  }

  private func configure(_ place: Int, _ change: ConfigChange) async throws {
    let topic = ledger.withLock { ledger in
      change.apply(to: &ledger.topics[topics[place]].config)
      return ledger.topics[topics[place]]
    }
    try await store.configure(topic: topic.id, config: topic.config, fence: .local)
  }

  private func letTimePass() async {
    clock.advance(byMs: 1_000)
    let nowMs = clock.nowMs()
    for log in store.contents.withLock({ Array($0.partitions.values) }) {
      while log.state.withLock({ $0.flushDueMs ?? .max <= nowMs }) { await Task.yield() }
    }
  }

  private func dropAndCreate(_ place: Int) async throws {
    let old = topics[place]
    let topic = ledger.withLock { ledger in
      ledger.topics[old].dropBegun = fileSystem.changeCount
      return ledger.topics[old].id
    }
    try await store.drop(topic: topic, fence: .local)
    ledger.withLock { $0.topics[old].dropped = fileSystem.changeCount }
    await settle()
    topics[place] = try await create(Self.plans[place])
  }
}

extension Ledger {
  fileprivate mutating func note(
    _ batch: ValidatedBatch, of partition: PartitionID, as appended: AppendedBatch, isDurable: Bool, at: Int
  ) {
    let base = appended.baseOffset.rawValue
    let next = base + Int64(batch.header.lastOffsetDelta) + 1
    partitions[partition]?.batches.append(
      Batch(baseOffset: base, nextOffset: next, sent: batch))
    partitions[partition]?.written.append(Mark(at: at, end: next))
    if isDurable { partitions[partition]?.durable.append(Mark(at: at, end: next)) }
  }
}

/// Counts answers that arrive on other threads.
private final class Arrivals: Sendable {
  private let outcomes = Mutex<[[AppendOutcome]]>([])

  func add(_ arrived: [AppendOutcome]) { outcomes.withLock { $0.append(arrived) } }

  /// Waits until so many are there. Throws where one of them is no success.
  func wait(for count: Int) async throws {
    while outcomes.withLock({ $0.count }) < count { await Task.yield() }
    for outcome in outcomes.withLock({ $0.joined().map { $0 } }) {
      guard case .appended = outcome else { throw UnexpectedOutcome(outcome: "\(outcome)") }
    }
  }
}

extension Bool {
  /// True where it was false before.
  fileprivate mutating func turnOn() -> Bool {
    defer { self = true }
    return !self
  }
}
