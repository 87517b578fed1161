import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A record as tests of compaction compare it.
struct Keyed: Hashable, Sendable {
  var offset: Int64 = 0
  var key: String?
  /// Nil: a tombstone.
  var value: String?

  init(offset: Int64 = 0, _ key: String?, _ value: String?) {
    self.offset = offset
    self.key = key
    self.value = value
  }
}

func keyedBatch(_ records: [Keyed], compression: Compression = .none, timestampMs: Int64 = 1_000) throws
  -> ValidatedBatch
{
  var builder = RecordSetBuilder(baseTimestampMs: timestampMs)
  for record in records {
    builder.append(
      key: record.key.map { ByteBuffer(string: $0) }, value: record.value.map { ByteBuffer(string: $0) },
      timestampMs: timestampMs)
  }
  return try builder.build(compression: compression)
}

/// What a reader makes of a log: of each key the latest value.
func latest(_ records: [Keyed]) -> [String: String] {
  var values: [String: String] = [:]
  for record in records { if let key = record.key { values[key] = record.value } }
  return values
}

/// A store with one compacted partition.
struct CompactedLog {
  let directory: TestDirectory
  let fileSystem: HookedFileSystem
  let clock: ManualClock
  let log = RecordedLog()
  let store: LocalLogStore

  /// Segments of a few small batches.
  static let config = config(segmentBytes: 600)

  static func config(segmentBytes: Int) -> LogConfig {
    var config = LogConfig(segmentBytes: segmentBytes, cleanup: .compact)
    config.deleteRetentionMs = 1_000
    return config
  }

  init(
    _ directory: TestDirectory? = nil, clock: ManualClock = ManualClock(), config: LogConfig = config,
    options: LocalLogStore.Options = .alone
  ) async throws {
    self.clock = clock
    self.directory = try directory ?? TestDirectory()
    fileSystem = HookedFileSystem()
    store = try LocalLogStore(
      directory: self.directory.path, fileSystem: fileSystem, clock: clock, logger: log.logger,
      options: options)
    try await store.create(config: config)
  }

  func afterKill(config: LogConfig = config) async throws -> CompactedLog {
    try await CompactedLog(try directory.copy(), clock: clock, config: config)
  }

  /// Stopped in order and opened again.
  func reopened(config: LogConfig = config) async throws -> CompactedLog {
    try await store.close()
    return try await CompactedLog(try directory.copy(), clock: clock, config: config)
  }

  var partition: PartitionLog { get throws { try store.log(of: partitionA).get() } }

  /// Appends one batch for each list, durably, and waits for the checkpoint that comes after the ack: before that nothing
  /// is compacted.
  func append(_ batches: [[Keyed]], compression: Compression = .none) async throws {
    for batch in batches {
      let outcome = await store.append([try keyedBatch(batch, compression: compression)])[0]
      guard case .appended = outcome else { throw UnexpectedOutcome(outcome: "\(outcome)") }
    }
    try partition.flushing.withLock { _ in }
  }

  /// Appends a batch for each: key, then value; no value: a tombstone.
  func append(_ records: KeyValuePairs<String, String?>) async throws {
    try await append(records.map { [Keyed($0.key, $0.value)] })
  }

  @discardableResult
  func compact(
    mapBytes: Int = 1 << 20, ratio: Double = 0, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> CompactionReport? {
    try partition.compact(
      CompactionOptions(keyMapBytes: mapBytes, minDirtyRatio: ratio), nowMs: clock.nowMs(), isCancelled: isCancelled)
  }

  /// Everything that can be read, in reads of about `maxBytes`. Fails where batches do not follow one another.
  func records(from start: Int64 = 0, maxBytes: Int = 2_000) throws -> [Keyed] {
    try readAll(try partition, from: start, maxBytes: maxBytes).records
  }

  func segmentFiles() throws -> [String] { try directory.files(".log").map { String($0.suffix(24)) } }
}

/// Reads up to the high watermark as it was at the beginning, on this thread. Every batch begins where the one before
/// ends, and no offset comes twice, or it throws.
func readAll(
  _ log: PartitionLog, from start: Int64 = 0, maxBytes: Int = 2_000, form: ReadForm = .bytes
) throws -> (records: [Keyed], end: Int64) {
  let end = log.bounds.highWatermark.rawValue
  var records: [Keyed] = []
  var next = start
  while next < end {
    let target = ReadTarget(partition: partitionA, offset: Offset(next), maxBytes: maxBytes)
    let outcome = log.read(target, maxBytes: maxBytes, mayExceed: true, form: form, mayBlock: true)
    guard case .read(let result) = outcome else { throw UnexpectedOutcome(outcome: "\(next): \(outcome as Any)") }
    var rest = try bytes(result)
    guard rest.readableBytes > 0 else { throw UnexpectedOutcome(outcome: "nothing at \(next) of \(end)") }
    var isFirst = true
    while rest.readableBytes > 0 {
      let header = try rest.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
      guard isFirst ? header.baseOffset.rawValue <= next : header.baseOffset.rawValue == next,
        let batchEnd = header.nextOffset?.rawValue, batchEnd > next
      else { throw UnexpectedOutcome(outcome: "a batch at \(header.baseOffset), where \(next) belongs") }
      isFirst = false
      records += try keyedRecords(&rest, header).filter { $0.offset >= next }
      next = batchEnd
    }
  }
  return (records, next)
}

private func keyedRecords(_ rest: inout ByteBuffer, _ header: RecordBatchHeader) throws -> [Keyed] {
  rest.moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
  guard let stored = rest.readSlice(length: Int(header.recordsLength)) else {
    throw UnexpectedOutcome(outcome: "a batch is cut off")
  }
  var reader = try RecordBatchReader(header: header, records: stored)
  var records: [Keyed] = []
  while let record = try reader.next() {
    records.append(
      Keyed(
        offset: record.offset.rawValue, record.key.map { String(buffer: $0) }, record.value.map { String(buffer: $0) }))
  }
  return records
}
