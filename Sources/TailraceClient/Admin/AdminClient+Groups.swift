internal import TailraceWire

/// Where to move the offsets of a group.
public enum OffsetReset: Hashable, Sendable {
  /// The start of each log.
  case earliest
  /// The high watermark of each log.
  case latest
  /// This offset.
  case offset(Int64)
  /// The first record at or after this time, milliseconds since 1970; the high watermark where there is none.
  case timestampMs(Int64)
  /// So many records on; back where negative.
  case shift(by: Int64)
}

/// How an offset was moved, or would be.
public struct OffsetMove: Hashable, Sendable {
  /// What was stored; nil: nothing.
  public var old: Int64?
  /// What is stored then: inside the log's bounds.
  public var new: Int64
}

extension AdminClient {
  /// All groups, by id. `prefix`: only those whose ids begin so. One that cannot be read at the moment is listed with the
  /// state `unknown`.
  public func listGroups(prefix: String = "") async throws(TailraceError) -> [GroupListing] {
    var groups: [GroupListing] = []
    var request = ListGroupsRequest(prefix: prefix, pageSize: pageSize)
    repeat {
      let page = try await call(.groupServiceListGroups, request, as: ListGroupsResponse.self, retry: .always)
      groups += page.groups.map { GroupListing($0) }
      request.pageToken = try Self.next(page.nextPageToken, after: request.pageToken)
    } while !request.pageToken.isEmpty
    return groups
  }

  /// A group, its members, and how far it is behind in each partition. Fails with UNKNOWN_GROUP.
  public func describeGroup(_ group: String) async throws(TailraceError) -> GroupDescription {
    let response = try await call(
      .groupServiceDescribeGroup, DescribeGroupRequest(group: group), as: DescribeGroupResponse.self, retry: .always)
    return GroupDescription(response)
  }

  /// Deletes a group without members, with its offsets. Fails with UNKNOWN_GROUP or GROUP_NOT_EMPTY.
  public func deleteGroup(_ group: String) async throws(TailraceError) {
    let request = DeleteGroupRequest(group: group)
    _ = try await call(.groupServiceDeleteGroup, request, as: DeleteGroupResponse.self, retry: .ifNotSent)
  }

  /// How far a group has come. `partitions`: only these, at most 10,000; nil: all. Partitions where nothing is stored are
  /// left out.
  public func committedOffsets(
    of group: String, partitions: [TopicPartition]? = nil
  ) async throws(TailraceError) -> [TopicPartition: OffsetAndMetadata] {
    // To the broker, no partitions are all of them.
    guard partitions?.isEmpty != true else { return [:] }
    let request = FetchOffsetsRequest(group: group, partitions: try [TopicPartitions](grouping: partitions ?? []))
    let response = try await call(
      .groupServiceFetchOffsets, request, as: FetchOffsetsResponse.self, retry: .always)
    var offsets: [TopicPartition: OffsetAndMetadata] = [:]
    for stored in response.offsets {
      offsets[TopicPartition(stored.topic, Int(stored.partition))] = OffsetAndMetadata(stored)
    }
    return offsets
  }

  /// Stores how far a group without members has come; the group is made where there is none. At most 10,000 partitions.
  /// Fails with GROUP_NOT_EMPTY where the group has members: only they may commit then.
  @discardableResult public func commitOffsets(
    _ offsets: [TopicPartition: OffsetAndMetadata], of group: String
  ) async throws(TailraceError) -> PartitionResults<Void> {
    guard !offsets.isEmpty else { return [:] }
    var request = CommitOffsetRequest(group: group)
    let offsets = offsets.sorted { $0.key < $1.key }
    for (partition, offset) in offsets { request.offsets.append(try OffsetCommit(partition, offset)) }
    let response = try await call(
      .groupServiceCommitOffset, request, as: CommitOffsetResponse.self, retry: .always)
    return try Self.results(offsets.map(\.key), response.results) { Result($0.error, or: ()) }
  }

  /// Moves the offsets of a group without members. `partitions`: only these, at most 10,000; nil: all that have one.
  /// `dryRun`: returns how they would be moved. Fails with UNKNOWN_GROUP or GROUP_NOT_EMPTY.
  @discardableResult public func resetOffsets(
    of group: String, partitions: [TopicPartition]? = nil, to target: OffsetReset, dryRun: Bool = false
  ) async throws(TailraceError) -> PartitionResults<OffsetMove> {
    guard partitions?.isEmpty != true else { return [:] }
    var request = ResetOffsetsRequest(
      group: group, partitions: try [TopicPartitions](grouping: partitions ?? []), dryRun: dryRun)
    (request.to, request.value) = target.wire
    let response = try await call(
      .groupServiceResetOffsets, request, as: ResetOffsetsResponse.self, retry: dryRun ? .always : .ifNotSent)
    return Dictionary(
      response.results.map { result in
        let move = OffsetMove(old: result.oldOffset < 0 ? nil : result.oldOffset, new: result.newOffset)
        return (TopicPartition(result.topic, Int(result.partition)), Result(result.error, or: move))
      }
    ) { first, _ in first }
  }
}

extension OffsetReset {
  fileprivate var wire: (ResetTo, Int64) {
    switch self {
    case .earliest: (.earliest, 0)
    case .latest: (.latest, 0)
    case .offset(let offset): (.offset, offset)
    case .timestampMs(let ms): (.timestamp, ms)
    case .shift(let count): (.shiftBy, count)
    }
  }
}
