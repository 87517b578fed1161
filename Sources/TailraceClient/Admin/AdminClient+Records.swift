internal import TailraceWire

/// What offset to look for.
public enum OffsetSpec: Hashable, Sendable {
  /// The lowest that is there.
  case earliest
  /// The next that will be readable: the high watermark.
  case latest
  /// The first whose record's timestamp is at or after this, milliseconds since 1970; the high watermark where there is
  /// none.
  case timestampMs(Int64)
}

/// An offset that was looked up.
public struct PartitionOffset: Hashable, Sendable {
  /// The offset.
  public var offset: Int64
  /// Of the record that was found by its timestamp, milliseconds since 1970; nil where none was looked for or found.
  public var timestampMs: Int64?
  /// The partition's epoch now.
  public var epoch: Int
}

/// Which records of a partition to delete.
public enum RecordsToDelete: Hashable, Sendable {
  /// Those below this offset, which may not be above the high watermark.
  case before(Int64)
  /// All that may be read now.
  case all
}

extension AdminClient {
  /// Looks up an offset of each partition. At most 10,000.
  public func listOffsets(
    _ queries: [TopicPartition: OffsetSpec]
  ) async throws(TailraceError) -> PartitionResults<PartitionOffset> {
    guard !queries.isEmpty else { return [:] }
    var request = ListOffsetsRequest()
    let queries = queries.sorted { $0.key < $1.key }
    for (partition, spec) in queries { request.queries.append(try OffsetQuery(partition, spec)) }
    let response = try await call(
      .logServiceListOffsets, request, as: ListOffsetsResponse.self, retry: .always)
    return try Self.results(queries.map(\.key), response.results) { result in
      Result(result.error, or: PartitionOffset(result))
    }
  }

  /// Looks up the same offset of each of the partitions. At most 10,000.
  public func listOffsets(
    _ spec: OffsetSpec, of partitions: some Sequence<TopicPartition>
  ) async throws(TailraceError) -> PartitionResults<PartitionOffset> {
    try await listOffsets(Dictionary(partitions.map { ($0, spec) }) { first, _ in first })
  }

  /// Deletes the oldest records of each partition: what lies before is gone for good. At most 10,000 partitions. Returns
  /// where each log starts now. Fails per partition with OFFSET_OUT_OF_RANGE above the high watermark.
  @discardableResult public func deleteRecords(
    _ targets: [TopicPartition: RecordsToDelete]
  ) async throws(TailraceError) -> PartitionResults<Int64> {
    guard !targets.isEmpty else { return [:] }
    var request = DeleteRecordsRequest()
    let targets = targets.sorted { $0.key < $1.key }
    for (partition, records) in targets { request.targets.append(try DeleteRecordsTarget(partition, records)) }
    // A second time, "all" would be more.
    let retry: Client.Retry = targets.contains { $0.value == .all } ? .ifNotSent : .always
    let response = try await call(.logServiceDeleteRecords, request, as: DeleteRecordsResponse.self, retry: retry)
    return try Self.results(targets.map(\.key), response.results) { result in
      Result(result.error, or: result.logStartOffset)
    }
  }
}

extension OffsetQuery {
  fileprivate init(_ partition: TopicPartition, _ spec: OffsetSpec) throws(TailraceError) {
    self.init(topic: partition.topic, partition: try AdminClient.number(partition))
    switch spec {
    case .earliest: position = .earliest
    case .latest: position = .latest
    case .timestampMs(let ms): (position, timestampMs) = (.timestamp, ms)
    }
  }
}

extension PartitionOffset {
  fileprivate init(_ result: OffsetResult) {
    offset = result.offset
    timestampMs = result.timestampMs == -1 ? nil : result.timestampMs
    epoch = Int(result.partitionEpoch)
  }
}

extension DeleteRecordsTarget {
  fileprivate init(_ partition: TopicPartition, _ records: RecordsToDelete) throws(TailraceError) {
    self.init(topic: partition.topic, partition: try AdminClient.number(partition))
    switch records {
    case .all: beforeOffset = -1
    case .before(let offset):
      // -1 is the broker's "all".
      guard offset >= 0 else {
        throw TailraceError(.invalidArgument, "\(partition): records before offset \(offset); offsets begin at 0")
      }
      beforeOffset = offset
    }
  }
}
