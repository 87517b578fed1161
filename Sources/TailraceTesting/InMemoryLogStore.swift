package import NIOCore
internal import Synchronization
package import TailraceStorage
package import TailraceWire

/// A `LogStore` that keeps everything in memory: what the real ones are compared with. Everything counts as on disk at
/// once, and nothing ever fails. Thread-safe; completions run before the call returns.
package final class InMemoryLogStore: LogStore {
  private struct Contents {
    var partitions: [PartitionID: InMemoryPartition] = [:]
    var isClosed = false
    var nextWaiter: UInt64 = 0

    func absence(of partition: PartitionID) -> StorageError {
      isClosed
        ? StorageError(.closed, "the store is closed")
        : StorageError(.unknownPartition, "partition \(partition) is not known")
    }
  }

  private let clock: any WallClock
  private let admitted = AdmittedProducers()
  private let contents = Mutex(Contents())

  package init(clock: any WallClock) { self.clock = clock }

  // MARK: - Append

  package func append(_ requests: [AppendRequest], fence: Fence) {
    let nowMs = clock.nowMs()
    var actions: [@Sendable () -> Void] = []
    contents.withLock { contents in
      for request in requests {
        let outcome =
          contents.partitions[request.partition]?.append(request.batch, admitted, nowMs: nowMs, &actions)
          ?? .refused(contents.absence(of: request.partition))
        actions.append { request.completion(outcome) }
      }
    }
    for action in actions { action() }
  }

  // MARK: - Read

  package func read(
    _ targets: [ReadTarget], maxBytes: Int, form: ReadForm, completion: @escaping @Sendable ([ReadOutcome]) -> Void
  ) {
    var left = maxBytes
    var isFirst = true
    let outcomes = contents.withLock { contents in
      targets.map { target in read(target, contents, &left, &isFirst) }
    }
    completion(outcomes)
  }

  package func readAtOnce(_ target: ReadTarget, maxBytes: Int, into buffer: inout ByteBuffer) -> ReadResult? {
    var (left, isFirst) = (maxBytes, true)
    guard case .read(var result) = contents.withLock({ read(target, $0, &left, &isFirst) }) else { return nil }
    for case .bytes(let bytes) in result.chunks { buffer.writeImmutableBuffer(bytes) }
    result.chunks = []
    return result
  }

  private func read(
    _ target: ReadTarget, _ contents: Contents, _ left: inout Int, _ isFirst: inout Bool
  ) -> ReadOutcome {
    guard let partition = contents.partitions[target.partition] else {
      return .failed(contents.absence(of: target.partition), bounds: nil)
    }
    guard target.offset >= partition.start, target.offset <= partition.end else {
      return .failed(
        StorageError(
          .offsetOutOfRange, "offset \(target.offset); the log is \(partition.start) to \(partition.end)"),
        bounds: partition.bounds)
    }
    var bytes = ByteBuffer()
    var hasMore = false
    for batch in partition.batches where (batch.header.lastOffset ?? .zero) >= target.offset {
      let size = batch.header.batchByteCount
      guard bytes.readableBytes + size <= min(left, target.maxBytes) || (isFirst && bytes.readableBytes == 0) else {
        hasMore = true
        break
      }
      batch.header.write(to: &bytes)
      bytes.writeImmutableBuffer(batch.records)
    }
    if bytes.readableBytes > 0 { isFirst = false }
    left -= bytes.readableBytes
    return .read(
      ReadResult(
        chunks: bytes.readableBytes > 0 ? [.bytes(bytes)] : [], byteCount: bytes.readableBytes,
        bounds: partition.bounds, hasMore: hasMore))
  }

  package func awaitAdvance(
    of partition: PartitionID, past offset: Offset, bytes: Int, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter? {
    contents.withLock { contents in
      guard let end = contents.partitions[partition]?.end, end <= offset else { return nil }
      contents.nextWaiter += 1
      let number = contents.nextWaiter
      contents.partitions[partition]?.waiters.append(
        InMemoryPartition.Waiter(number: number, offset: offset, notify: notify))
      return AdvanceWaiter(partition: partition, number: number)
    }
  }

  package func cancel(_ waiter: AdvanceWaiter) {
    contents.withLock { $0.partitions[waiter.partition]?.waiters.removeAll { $0.number == waiter.number } }
  }

  package func bounds(of partition: PartitionID) throws(StorageError) -> PartitionBounds {
    let result: Result<PartitionBounds, StorageError> = contents.withLock { contents in
      contents.partitions[partition].map { .success($0.bounds) } ?? .failure(contents.absence(of: partition))
    }
    return try result.get()
  }

  package func firstOffset(
    atOrAfter timestampMs: Int64, in partition: PartitionID,
    completion: @escaping @Sendable (Result<TimestampedOffset?, StorageError>) -> Void
  ) {
    let (found, error) = contents.withLock { contents in
      (contents.partitions[partition], contents.absence(of: partition))
    }
    guard let found else { return completion(.failure(error)) }
    do throws(RecordBatchError) {
      completion(.success(try found.firstOffset(atOrAfter: timestampMs)))
    } catch {
      completion(.failure(StorageError(.dataLoss, error.message)))
    }
  }

  // MARK: - Topics

  package func create(
    _ partitions: [PartitionID], topicName: String, config: LogConfig, fence: Fence
  ) async throws(StorageError) {
    try checkOpen()
    contents.withLock { contents in
      for id in partitions where contents.partitions[id] == nil {
        contents.partitions[id] = InMemoryPartition(config: config)
      }
    }
  }

  package func configure(topic: TopicID, config: LogConfig, fence: Fence) async throws(StorageError) {
    try checkOpen()
    contents.withLock { contents in
      for id in contents.partitions.keys where id.topic == topic { contents.partitions[id]?.config = config }
    }
  }

  package func drop(topic: TopicID, fence: Fence) async throws(StorageError) {
    try checkOpen()
    release { $0.topic == topic }
  }

  package func deleteRecords(
    before offset: Offset?, in partition: PartitionID, fence: Fence
  ) async throws(StorageError) -> Offset {
    let result: Result<Offset, StorageError> = contents.withLock { contents in
      guard var found = contents.partitions[partition] else { return .failure(contents.absence(of: partition)) }
      do throws(StorageError) { try found.deleteRecords(before: offset) } catch { return .failure(error) }
      contents.partitions[partition] = found
      return .success(found.start)
    }
    return try result.get()
  }

  /// Takes out the records for which `isKept` does not hold, as compaction does: the batches keep their spans.
  package func keep(in partition: PartitionID, _ isKept: (Offset) -> Bool) throws(RecordBatchError) {
    let result: Result<Void, RecordBatchError> = contents.withLock { contents in
      do throws(RecordBatchError) { return .success(try contents.partitions[partition]?.keep(isKept) ?? ()) } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  package func admit(producer: Int64, epoch: UInt32, fence: Fence) {
    // Under the lock: no append that was checked before is still on its way when this returns.
    contents.withLock { _ in admitted.admit(producer, epoch: epoch) }
  }

  package func describe(_ partition: PartitionID) async throws(StorageError) -> PartitionFigures {
    let size = contents.withLock { contents in
      contents.partitions[partition]?.batches.reduce(UInt64(0)) { $0 + UInt64($1.header.batchByteCount) }
    }
    return PartitionFigures(bounds: try bounds(of: partition), sizeBytes: size ?? 0, segmentCount: 1, fault: nil)
  }

  package func close() async throws(StorageError) {
    try checkOpen()
    contents.withLock { $0.isClosed = true }
    release { _ in true }
  }

  private func checkOpen() throws(StorageError) {
    guard !contents.withLock({ $0.isClosed }) else { throw StorageError(.closed, "the store is closed") }
  }

  private func release(_ isLeaving: (PartitionID) -> Bool) {
    let waiters = contents.withLock { contents in
      let leaving = contents.partitions.filter { isLeaving($0.key) }
      for id in leaving.keys { contents.partitions[id] = nil }
      return leaving.values.flatMap(\.waiters)
    }
    for waiter in waiters { waiter.notify() }
  }
}
