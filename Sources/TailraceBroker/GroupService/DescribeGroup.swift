internal import TailraceGroups
internal import TailraceStorage
internal import TailraceWire

extension GroupHandlers {
  private static let standardPage = 1_000
  private static let maxPage = 10_000

  /// A group with the lag of each partition. NOT_FOUND where there is none. What clients committed as metadata is left out
  /// where the answer does not fit a frame with it: FetchOffsets has that, for some partitions at a time.
  func describeGroup(
    _ request: DescribeGroupRequest, _ call: CallContext
  ) async throws(RPCError) -> DescribeGroupResponse {
    let id = try group(request.group)
    var response = try await coordinator.read(id) { group throws(GroupError) in
      guard group.exists else { throw .unknownGroup(id) }
      return group.describe()
    }
    let byteCount = response.partitions.reduce(0) { $0 + ($1.committed?.leastBytes ?? 0) }
    for index in response.partitions.indices {
      if byteCount > Self.maxAnswerBytes { response.partitions[index].committed?.metadata = "" }
      addLag(&response.partitions[index])
    }
    return response
  }

  private func addLag(_ partition: inout PartitionLag) {
    guard let committed = partition.committed, let topic = TopicID(committed.topicID),
      let bounds = try? store.bounds(of: PartitionID(topic: topic, index: committed.partition))
    else { return }
    partition.highWatermark = bounds.highWatermark.rawValue
    guard committed.offset >= 0 else { return }
    // What retention has taken cannot be read any more; after a log fell back an offset may be past its end.
    partition.lag = max(0, bounds.highWatermark.rawValue - max(committed.offset, bounds.logStart.rawValue))
  }

  /// Groups by id, a page at a time, as they are at this moment: a list is nothing to act on, so it does not wait for each
  /// to be stored. One that cannot be read is there without its state.
  func listGroups(_ request: ListGroupsRequest, _ call: CallContext) async throws(RPCError) -> ListGroupsResponse {
    guard request.pageSize <= Self.maxPage else {
      throw RPCError(.invalidArgument, "page_size is \(request.pageSize); at most \(Self.maxPage) are allowed")
    }
    let count = request.pageSize == 0 ? Self.standardPage : Int(request.pageSize)
    let ids = coordinator.ids(prefix: request.prefix, after: request.pageToken)
    var response = ListGroupsResponse()
    response.groups = ids.prefix(count).compactMap { coordinator.summary(of: $0) }
    if ids.count > count, let last = ids.prefix(count).last { response.nextPageToken = last.name }
    return response
  }
}
