internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Writes a FetchResponse around the log's own bytes, which are not looked at.
struct FetchResponseBuilder {
  let plan: FetchPlan

  /// Pieces of fewer bytes are gathered.
  private static let gatheredBytes = 32 << 10
  /// FetchResponse.partitions, length-delimited.
  private static let partitionsTag: UInt8 = 0x0A

  /// The response with batches as they lie in the log: FetchedPartition ends with the field that a segment consists of.
  /// `places`: only of these targets; nil: of all.
  func batches(_ outcomes: [ReadOutcome], of places: Set<Int>? = nil) -> Response {
    var chunks: [Chunk] = []
    var open = ByteBufferAllocator().buffer(capacity: openBytes(outcomes))
    var header = ByteBufferAllocator().buffer(capacity: Self.headerBytes)
    do throws(EncodeError) {
      for (index, (target, place)) in zip(plan.targets, plan.places).enumerated()
      where places.map({ $0.contains(index) }) ?? true {
        let (partition, data) = partition(target, place, outcomes)
        header.clear()
        try partition.encode(into: &header)
        let dataBytes = data.reduce(0) { $0 + $1.count }
        open.writeInteger(Self.partitionsTag)
        open.writeVarint(UInt64(header.readableBytes + dataBytes))
        open.writeImmutableBuffer(header)
        for chunk in data { append(chunk, to: &chunks, &open) }
      }
    } catch { return .failure(RPCError(error)) }
    if open.readableBytes > 0 { chunks.append(.bytes(open)) }
    return .chunks(chunks)
  }

  /// What a partition's answer has beside its data, mostly no more than this.
  private static let headerBytes = 128

  /// What is gathered in the first buffer, mostly no more than this.
  private func openBytes(_ outcomes: [ReadOutcome]) -> Int {
    var byteCount = plan.targets.count * Self.headerBytes
    for case .read(let result) in outcomes where result.byteCount < Self.gatheredBytes { byteCount += result.byteCount }
    return min(byteCount, 2 * Self.gatheredBytes)
  }

  /// The response with plain records.
  func records(_ outcomes: [ReadOutcome]) -> Response { Response(fetched(outcomes)) }

  /// The same, not encoded yet.
  func fetched(_ outcomes: [ReadOutcome]) -> FetchResponse {
    var budget = plan.bounds.maxBytes
    var decompressionBudget = RecordDecoder.maxDecompressedBytes
    var response = FetchResponse()
    for (target, place) in zip(plan.targets, plan.places) {
      var (partition, _) = partition(target, place, outcomes)
      if case .success(let index) = place, case .read(let result) = outcomes[index] {
        var decoder = RecordDecoder(
          from: Offset(target.offset), maxBytes: budget, maxRecordBytes: plan.bounds.ceilingBytes,
          decompressionBudget: decompressionBudget, isFirst: budget == plan.bounds.maxBytes)
        if budget > 0, decompressionBudget > 0 { decoder.decode(result) }
        decompressionBudget = decoder.decompressionBudget
        partition.records = decoder.records
        partition.nextOffset = decoder.nextOffset.rawValue
        partition.error = decoder.failure?.partitionError
        budget = max(0, budget - decoder.byteCount)
      }
      response.partitions.append(partition)
    }
    return response
  }

  /// Small pieces are gathered: a file range is worth a system call of its own, a few bytes are not.
  private func append(_ chunk: Chunk, to chunks: inout [Chunk], _ open: inout ByteBuffer) {
    if case .bytes(let bytes) = chunk, bytes.readableBytes < Self.gatheredBytes {
      open.writeImmutableBuffer(bytes)
      return
    }
    if open.readableBytes > 0 { chunks.append(.bytes(open)) }
    open = ByteBuffer()
    chunks.append(chunk)
  }

  /// All of a partition's answer but its data.
  private func partition(
    _ target: FetchTarget, _ place: Result<Int, PartitionFailure>, _ outcomes: [ReadOutcome]
  ) -> (FetchedPartition, [Chunk]) {
    var partition = FetchedPartition(topic: target.topic, partition: target.partition)
    switch place {
    case .failure(let failure):
      partition.error = failure.partitionError
      return (partition, [])
    case .success(let index):
      partition.topicID = plan.reads[index].partition.topic.bytes
      switch outcomes[index] {
      case .failed(let error, let bounds):
        partition.error = PartitionFailure(error).partitionError
        if case .offsetTruncated(let offset) = error.kind { partition.truncatedTo = offset.rawValue }
        partition.set(bounds)
        return (partition, [])
      case .read(let result):
        partition.set(result.bounds)
        return (partition, result.chunks)
      }
    }
  }
}

extension FetchedPartition {
  fileprivate mutating func set(_ bounds: PartitionBounds?) {
    guard let bounds else { return }
    highWatermark = bounds.highWatermark.rawValue
    logStartOffset = bounds.logStart.rawValue
    partitionEpoch = bounds.partitionEpoch
  }
}
