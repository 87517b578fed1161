internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Turns a Produce request into a plan: finds topics and partitions, checks batches, builds batches of plain records.
struct ProducePlanner: Sendable {
  let topics: TopicTable
  let producerIDs: ProducerIDs
  let nowMs: Int64

  func plan(_ request: ProduceRequest) -> ProducePlan {
    var plan = ProducePlan()
    plan.targets.reserveCapacity(request.targets.count)
    for target in request.targets { plan.targets.append(self.plan(target, into: &plan.parts)) }
    return plan
  }

  /// The batch of such a request; nil where anything about it is wrong.
  func plan(_ single: SingleProduce, of topic: Topic) -> AppendPart? {
    guard !topic.name.isInternal, case .success(let partition) = topic.checkedPartition(single.partition) else {
      return nil
    }
    return try? check(single.batch, for: partition, of: topic)
  }

  private func plan(_ target: ProduceTarget, into parts: inout [AppendPart]) -> TargetPlan {
    guard target.batches.isEmpty || target.records.isEmpty else {
      return .failed(PartitionFailure(.invalidRequest, "a target holds batches or records, not both"))
    }
    switch topics.resolve(target.topic, expectedID: target.topicID) {
    case .failure(let failure): return .failed(failure)
    case .success(let topic):
      return target.batches.isEmpty
        ? planRecords(target, of: topic, into: &parts) : planBatches(target, of: topic, into: &parts)
    }
  }

  private func planBatches(_ target: ProduceTarget, of topic: Topic, into parts: inout [AppendPart]) -> TargetPlan {
    guard let index = target.partition else {
      return .failed(
        PartitionFailure(.invalidRequest, "batches need a partition: only their producer can see the keys"))
    }
    let partition: PartitionID
    switch topic.checkedPartition(index) {
    case .failure(let failure): return .failed(failure)
    case .success(let id): partition = id
    }
    return .batches(
      target.batches.map { message in
        do throws(RecordBatchError) {
          parts.append(try check(message, for: partition, of: topic))
          return .success(parts.count - 1)
        } catch { return .failure(PartitionFailure(error)) }
      })
  }

  private func check(
    _ message: RecordBatch, for partition: PartitionID, of topic: Topic
  ) throws(RecordBatchError) -> AppendPart {
    let validator = BatchValidator(maxBatchBytes: topic.config.log.maxBatchBytes)
    let batch = try validator.validate(message, nowMs: nowMs)
    let producer = batch.header.producerID
    guard producer == 0 || producerIDs.wasHandedOut(producer) else {
      throw RecordBatchError(
        .unknownProducer, "producer id \(producer) was never handed out: InitProducer gives one")
    }
    return AppendPart(partition: partition, batch: batch)
  }

  private func planRecords(_ target: ProduceTarget, of topic: Topic, into parts: inout [AppendPart]) -> TargetPlan {
    var batcher = RecordBatcher(topic: topic, nowMs: nowMs, firstPart: parts.count)
    let plans = target.records.map { batcher.add($0, defaultPartition: target.partition) }
    do throws(RecordBatchError) {
      parts.append(contentsOf: try batcher.finish())
      return .records(plans)
    } catch { return .failed(PartitionFailure(error)) }
  }
}

/// Gathers plain records of a topic into batches, one open batch per partition.
private struct RecordBatcher {
  let topic: Topic
  let nowMs: Int64
  let firstPart: Int
  private let validator: BatchValidator
  private var batches: [(partition: PartitionID, builder: RecordSetBuilder)] = []
  private var openBatch: [UInt32: Int] = [:]

  init(topic: Topic, nowMs: Int64, firstPart: Int) {
    self.topic = topic
    self.nowMs = nowMs
    self.firstPart = firstPart
    validator = BatchValidator(maxBatchBytes: topic.config.log.maxBatchBytes)
  }

  mutating func add(_ record: ProduceRecord, defaultPartition: UInt32?) -> RecordPlan {
    let index = record.partition ?? defaultPartition ?? pickPartition(for: record)
    return RecordPlan(partition: index, place: place(record, in: index))
  }

  func finish() throws(RecordBatchError) -> [AppendPart] {
    var parts: [AppendPart] = []
    for batch in batches { parts.append(AppendPart(partition: batch.partition, batch: try batch.builder.build())) }
    return parts
  }

  private func pickPartition(for record: ProduceRecord) -> UInt32 {
    guard let key = record.key else { return topic.takeRoundRobinPartition() }
    return key.withUnsafeReadableBytes { MurmurHash2.partition(of: $0, partitionCount: topic.partitionCount) }
  }

  private mutating func place(
    _ record: ProduceRecord, in index: UInt32
  ) -> Result<RecordPlan.Place, PartitionFailure> {
    let partition: PartitionID
    switch topic.checkedPartition(index) {
    case .failure(let failure): return .failure(failure)
    case .success(let id): partition = id
    }
    do throws(RecordBatchError) { try check(record) } catch { return .failure(PartitionFailure(error)) }
    let timestampMs = record.timestampMs ?? nowMs
    let bound = validator.maxBatchBytes
    let size = record.maxEncodedByteCount
    guard size <= bound - RecordBatchHeader.byteCount else {
      return .failure(
        PartitionFailure(
          .batchTooLarge, "a record of \(size) bytes does not fit a batch of topic '\(topic.name)', at most \(bound)"))
    }
    var batch = openBatch[index]
    if let open = batch, batches[open].builder.byteCount > bound - size { batch = nil }
    let number = batch ?? batches.count
    if batch == nil {
      batches.append((partition, RecordSetBuilder(baseTimestampMs: timestampMs)))
      openBatch[index] = number
    }
    let delta = batches[number].builder.count
    batches[number].builder.append(
      key: record.key, value: record.value, headers: record.headers, timestampMs: timestampMs)
    return .success(RecordPlan.Place(part: firstPart + number, offsetDelta: delta))
  }

  private func check(_ record: ProduceRecord) throws(RecordBatchError) {
    guard record.headers.count <= BatchValidator.maxHeadersPerRecord else {
      throw RecordBatchError(
        .invalidRecord,
        "a record with \(record.headers.count) headers; the bound is \(BatchValidator.maxHeadersPerRecord)")
    }
    guard record.key != nil || !topic.config.log.requiresKeys else {
      throw RecordBatchError(.missingKey, "topic '\(topic.name)' is compacted: every record needs a key")
    }
    if let timestampMs = record.timestampMs {
      guard timestampMs >= 0 else {
        throw RecordBatchError(
          .invalidTimestamp, "timestamp_ms is \(timestampMs); it counts from 1970 and is not negative")
      }
      try validator.checkNotAhead(timestampMs, nowMs: nowMs)
    }
  }
}

extension ProduceRecord {
  /// Bytes that the record takes in a batch, at most.
  fileprivate var maxEncodedByteCount: Int {
    let framing = 8
    let headerBytes = headers.reduce(0) { $0 + $1.key.utf8.count + ($1.value?.readableBytes ?? 0) + 3 * framing }
    return (key?.readableBytes ?? 0) + (value?.readableBytes ?? 0) + headerBytes + 6 * framing
  }
}
