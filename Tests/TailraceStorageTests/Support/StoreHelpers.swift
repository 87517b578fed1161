import Glibc
import Logging
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire

let topicA = topicID(firstByte: 0x00)
let topicB = topicID(firstByte: 0x10)
let partitionA = PartitionID(topic: topicA, index: 0)

/// The id of 16 bytes that count up from `firstByte`.
private func topicID(firstByte: UInt8) -> TopicID {
  guard let id = TopicID(ByteBuffer(bytes: (0..<16).map { firstByte + $0 })) else {
    preconditionFailure("an id has 16 bytes")
  }
  return id
}

/// A record as tests compare it.
struct Plain: Hashable {
  var offset: Int64
  var value: String
  var timestampMs: Int64 = 1_000
}

func batch(
  _ values: [String], key: String? = nil, timestampMs: Int64 = 1_000, compression: Compression = .none
) throws -> ValidatedBatch {
  var builder = RecordSetBuilder(baseTimestampMs: timestampMs)
  for value in values {
    builder.append(key: key.map { ByteBuffer(string: $0) }, value: ByteBuffer(string: value), timestampMs: timestampMs)
  }
  return try builder.build(compression: compression)
}

/// A batch of a producer, in the clear.
func batch(
  _ values: [String], producer: Int64, epoch: UInt32 = 0, sequence: UInt32, timestampMs: Int64 = 1_000
) throws -> ValidatedBatch {
  try batch(values, timestampMs: timestampMs).sent(by: producer, epoch: epoch, sequence: sequence)
}

extension ValidatedBatch {
  /// The same batch of a producer.
  func sent(by producer: Int64, epoch: UInt32 = 0, sequence: UInt32) throws -> ValidatedBatch {
    var message = self.message
    message.producerID = producer
    message.producerEpoch = epoch
    message.baseSequence = sequence
    return try BatchValidator(maxBatchBytes: LogConfig.maxBatchBytesCeiling)
      .validate(message, nowMs: header.maxTimestampMs)
  }
}

extension LogStore {
  func create(_ partition: PartitionID = partitionA, config: LogConfig = LogConfig()) async throws {
    try await create([partition], topicName: "orders", config: config, fence: .local)
  }

  func append(
    _ batches: [ValidatedBatch], to partition: PartitionID = partitionA, _ durability: AppendDurability = .durable
  ) async -> [AppendOutcome] {
    await withCheckedContinuation { continuation in
      let parts = batches.map { AppendPart(partition: partition, batch: $0) }
      append(
        AppendRequest.together(parts, durability: durability) { continuation.resume(returning: $0) }, fence: .local)
    }
  }

  /// Appends one batch that must be taken; its base offset.
  @discardableResult
  func append(
    _ values: [String], to partition: PartitionID = partitionA, timestampMs: Int64 = 1_000,
    _ durability: AppendDurability = .durable
  ) async throws -> Int64 {
    let outcome = await append([try batch(values, timestampMs: timestampMs)], to: partition, durability)[0]
    guard case .appended(let appended) = outcome else { throw UnexpectedOutcome(outcome: "\(outcome)") }
    return appended.baseOffset.rawValue
  }

  func read(
    _ targets: [ReadTarget], maxBytes: Int = 1 << 20, form: ReadForm = .bytes
  ) async -> [ReadOutcome] {
    await withCheckedContinuation { continuation in
      read(targets, maxBytes: maxBytes, form: form) { continuation.resume(returning: $0) }
    }
  }

  func result(
    from offset: Int64, of partition: PartitionID = partitionA, maxBytes: Int = 1 << 20, form: ReadForm = .bytes
  ) async throws -> ReadResult {
    let target = ReadTarget(partition: partition, offset: Offset(offset), maxBytes: maxBytes)
    switch await read([target], maxBytes: maxBytes, form: form)[0] {
    case .read(let result): return result
    case .failed(let error, _): throw error
    }
  }

  /// Records of whole batches from the one that holds `offset` on.
  func records(
    from offset: Int64 = 0, of partition: PartitionID = partitionA, maxBytes: Int = 1 << 20
  ) async throws -> [Plain] {
    try decode(try await result(from: offset, of: partition, maxBytes: maxBytes))
  }

  /// Everything from `offset` on, over as many reads as it takes.
  func allRecords(
    from offset: Int64 = 0, of partition: PartitionID = partitionA, maxBytes: Int
  ) async throws -> [Plain] {
    var all: [Plain] = []
    var next = offset
    while true {
      let some = try await records(from: next, of: partition, maxBytes: maxBytes)
      guard let last = some.last else { return all }
      all += some.filter { $0.offset >= next }
      next = last.offset + 1
    }
  }

  func firstOffset(atOrAfter timestampMs: Int64, in partition: PartitionID = partitionA) async throws
    -> TimestampedOffset?
  {
    let result = await withCheckedContinuation { continuation in
      firstOffset(atOrAfter: timestampMs, in: partition) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }
}

struct UnexpectedOutcome: Error { var outcome: String }

/// The bytes of a read, also where they are a region of a file.
func bytes(_ result: ReadResult) throws -> ByteBuffer {
  var all = ByteBuffer()
  for chunk in result.chunks {
    switch chunk {
    case .bytes(let buffer): all.writeImmutableBuffer(buffer)
    case .file(let file):
      let count = file.region.readableBytes
      let done = try all.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
        try file.region.fileHandle.withUnsafeFileDescriptor {
          pread($0, target.baseAddress, count, off_t(file.region.readerIndex))
        }
      }
      guard done == count else { throw UnexpectedOutcome(outcome: "pread gave \(done) of \(count) bytes") }
    }
  }
  return all
}

func headers(_ result: ReadResult) throws -> [RecordBatchHeader] {
  var rest = try bytes(result)
  var headers: [RecordBatchHeader] = []
  while rest.readableBytes > 0 {
    let header = try rest.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
    rest.moveReaderIndex(forwardBy: header.batchByteCount)
    headers.append(header)
  }
  return headers
}

func decode(_ result: ReadResult) throws -> [Plain] {
  var rest = try bytes(result)
  var records: [Plain] = []
  while rest.readableBytes > 0 {
    let header = try rest.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
    rest.moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
    guard let stored = rest.readSlice(length: Int(header.recordsLength)) else {
      throw UnexpectedOutcome(outcome: "a batch is cut off")
    }
    var reader = try RecordBatchReader(header: header, records: stored)
    while let record = try reader.next() {
      records.append(
        Plain(
          offset: record.offset.rawValue, value: record.value.map { String(buffer: $0) } ?? "",
          timestampMs: record.timestampMs))
    }
  }
  return records
}

/// A local store with its surroundings.
struct LocalFixture {
  let directory: TestDirectory
  let fileSystem: ProbeFileSystem
  let clock: ManualClock
  let log = RecordedLog()
  let store: LocalLogStore

  init(
    _ directory: TestDirectory? = nil, fileSystem: ProbeFileSystem = ProbeFileSystem(),
    clock: ManualClock = ManualClock(), options: LocalLogStore.Options = .alone
  ) throws {
    self.fileSystem = fileSystem
    self.clock = clock
    self.directory = try directory ?? TestDirectory()
    store = try LocalLogStore(
      directory: self.directory.path, fileSystem: fileSystem, clock: clock,
      logger: log.logger, options: options)
  }

  /// Opened from what a kill would leave now.
  func afterKill() throws -> LocalFixture { try LocalFixture(try directory.copy()) }
}

extension LocalLogStore.Options {
  /// Nothing is done by itself: tests ask for what is done from time to time.
  static var alone: LocalLogStore.Options {
    var options = LocalLogStore.Options()
    options.maintenanceIntervalMs = 3_600_000
    options.scrubBytesPerSecond = 0
    return options
  }
}

/// The kind of the error that `body` throws; nil where it throws none.
func kind<Value>(_ body: () async throws -> Value) async -> StorageError.Kind? {
  do {
    _ = try await body()
    return nil
  } catch {
    return (error as? StorageError)?.kind
  }
}
