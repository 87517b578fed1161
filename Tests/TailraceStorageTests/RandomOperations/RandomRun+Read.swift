@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// What both stores answer to readers.
extension RandomRun {
  /// Right after an operation, with nothing under way.
  func checkBounds(of partition: PartitionID) throws {
    let found = try local.store.bounds(of: partition)
    let expected = try model.bounds(of: partition)
    try require(
      found.logStart == expected.logStart && found.logEnd == expected.logEnd
        && found.highWatermark == expected.logEnd && found.durableEnd <= found.logEnd,
      "bounds of \(partition): \(found), not \(expected)")
  }

  func checkAll() async throws {
    for partition in partitions {
      try await checkContents(of: partition)
      let fault = try await local.store.describe(partition).fault
      try require(fault == nil, "fault of \(partition): \(fault.map { "\($0)" } ?? "")")
    }
  }

  /// All of a partition, over reads of random size.
  func checkContents(of partition: PartitionID) async throws {
    try checkBounds(of: partition)
    let bounds = try model.bounds(of: partition)
    let start = bounds.logStart.rawValue
    let expected = try await modelBatches(of: partition, from: start)
    let found = try await local.store.allBatches(from: start, of: partition, maxBytes: 1 + generator.below(20_000))
    try require(
      (found.last?.next ?? start) == bounds.logEnd.rawValue,
      "\(partition) is read up to \(found.last?.next ?? start), not \(bounds.logEnd)")
    try compare(found.records(from: start), expected.records(from: start), partition)
    let headers = [found, expected].map { $0.filter { $0.base >= start && !$0.records.isEmpty }.map(\.comparable) }
    for (found, expected) in zip(headers[0], headers[1]) {
      try require(found == expected, "\(partition): header \(found), not \(expected)")
    }
  }

  func modelBatches(of partition: PartitionID, from offset: Int64) async throws -> [LogBatch] {
    try await model.allBatches(from: offset, of: partition, maxBytes: .max)
  }

  private func compare(_ found: [LogRecord], _ expected: [LogRecord], _ partition: PartitionID) throws {
    for (found, expected) in zip(found, expected) {
      try require(found == expected, "\(partition): record \(found), not \(expected)")
    }
    try require(found.count == expected.count, "\(partition): \(found.count) records, not \(expected.count)")
  }

  // MARK: - Operations

  func read() async throws {
    let partition = randomPartition()
    let bounds = try model.bounds(of: partition)
    let offset = Int64.random(in: bounds.logStart.rawValue...bounds.logEnd.rawValue, using: &generator)
    let maxBytes = generator.below(3) == 0 ? generator.below(300) : generator.below(10_000)
    let form: ReadForm = generator.below(2) == 0 ? .bytes : .chunks
    note("\(maxBytes) bytes from \(offset) of \(partition)")
    let result = try await local.store.result(from: offset, of: partition, maxBytes: maxBytes, form: form)
    let found = try batches(result)
    guard let first = found.first, let last = found.last else {
      return try require(offset == bounds.logEnd.rawValue, "nothing is there")
    }
    try require(first.base <= offset && offset < first.next, "it begins with \(first.base)..<\(first.next)")
    try require(result.byteCount <= max(maxBytes, first.header.batchByteCount), "\(result.byteCount) bytes")
    let expected = try await modelBatches(of: partition, from: offset).records(from: offset)
    try compare(found.records(from: offset), expected.filter { $0.offset < last.next }, partition)
  }

  func readMany() async throws {
    var targets: [ReadTarget] = []
    for partition in partitions.shuffled(using: &generator).prefix(8) {
      let bounds = try model.bounds(of: partition)
      let offset = Int64.random(in: bounds.logStart.rawValue - 1...bounds.logEnd.rawValue + 1, using: &generator)
      targets.append(ReadTarget(partition: partition, offset: Offset(offset), maxBytes: generator.below(5_000)))
    }
    let maxBytes = generator.below(10_000)
    let found = await local.store.read(targets, maxBytes: maxBytes, form: .chunks)
    let expected = await model.read(targets, maxBytes: maxBytes)
    var (total, first) = (0, 0)
    for (target, outcomes) in zip(targets, zip(found, expected)) {
      switch outcomes {
      case (.read(let result), .read):
        let found = try batches(result)
        if total == 0 { first = found.first?.header.batchByteCount ?? 0 }
        total += found.reduce(0) { $0 + $1.header.batchByteCount }
        guard let last = found.last else { continue }
        let all = try await modelBatches(of: target.partition, from: target.offset.rawValue)
        try compare(
          found.records(from: target.offset.rawValue),
          all.records(from: target.offset.rawValue).filter { $0.offset < last.next }, target.partition)
      case (.failed(let found, _), .failed(let expected, _)) where found.kind == expected.kind: break
      default: throw Divergence("\(target): \(outcomes.0), not \(outcomes.1)")
      }
    }
    try require(total <= max(maxBytes, first), "\(total) bytes, where \(maxBytes) were asked for")
  }

  func lookUp() async throws {
    let partition = randomPartition()
    let timestampMs = clock.nowMs() - Int64(generator.below(generator.below(2) == 0 ? 12_000 : 1_000_000))
    note("\(timestampMs) in \(partition)")
    let expected = try await model.firstOffset(atOrAfter: timestampMs, in: partition)
    let found = try await local.store.firstOffset(atOrAfter: timestampMs, in: partition)
    try require(
      found == expected,
      "\(found.map { "\($0)" } ?? "none"), not \(expected.map { "\($0)" } ?? "none")")
  }
}
