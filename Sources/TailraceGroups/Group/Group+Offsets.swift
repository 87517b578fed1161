package import TailraceWire

extension Group {
  /// The stored offsets. As any reply, to be delivered once all earlier records are durable.
  package func offsets(_ request: FetchOffsetsRequest) throws(GroupError) -> FetchOffsetsResponse {
    guard !request.partitions.isEmpty else {
      return FetchOffsetsResponse(offsets: named(offsets.keys).flatMap { stored($0) })
    }
    let count = request.partitions.reduce(0) { $0 + $1.partitions.count }
    guard count <= limits.maxPartitionsPerCall else {
      throw GroupError(
        .limitReached, "\(count) partitions are asked for; at most \(limits.maxPartitionsPerCall) are allowed")
    }
    var response = FetchOffsetsResponse()
    for entry in request.partitions {
      guard let topic = try topic(entry.topicID, name: entry.topic) else {
        response.offsets += entry.partitions.map {
          CommittedOffset(topic: entry.topic, topicID: entry.topicID, partition: $0, offset: -1)
        }
        continue
      }
      response.offsets += stored(
        TopicPartitions(topic: topic.name, topicID: topic.id.bytes, partitions: entry.partitions))
    }
    return response
  }

  private func stored(_ entry: TopicPartitions) -> [CommittedOffset] {
    guard let topic = TopicID(entry.topicID) else { return [] }
    return entry.partitions.map { stored(PartitionID(topic: topic, index: $0), name: entry.topic) }
  }

  /// What is stored for a partition; offset -1 where nothing is.
  func stored(_ partition: PartitionID, name: String) -> CommittedOffset {
    let stored = offsets[partition]
    return CommittedOffset(
      topic: name, topicID: partition.topic.bytes, partition: partition.index, offset: stored?.offset ?? -1,
      metadata: stored?.metadata ?? "", committedAtMs: stored?.committedAtMs ?? 0, lastEpoch: stored?.lastEpoch)
  }

  /// Forgets an empty group and its offsets. Afterwards `exists` is false.
  package mutating func delete(now: Int64) -> GroupOutcome<DeleteGroupResponse> {
    note(now)
    do throws(GroupError) {
      try checkEmpty("deleted")
      forgetAll()
      return finish(.success(DeleteGroupResponse()))
    } catch {
      return finish(.failure(error))
    }
  }

  /// Throws where offsets may not be reset: while the group has members.
  package func checkResettable() throws(GroupError) { try checkEmpty("reset") }

  /// Stores these offsets, 0 or above and of partitions that exist, in place of what is there, if the group is empty.
  package mutating func reset(_ offsets: [(partition: PartitionID, offset: Int64)], now: Int64) -> GroupOutcome<Void> {
    note(now)
    do throws(GroupError) {
      try checkEmpty("reset")
      for (partition, offset) in offsets where !topics.has(partition) || offset < 0 {
        throw GroupError(
          .invalid, "offset \(offset) of partition \(partition) cannot be stored: there is no such place")
      }
      for (partition, offset) in offsets {
        store(CommittedOffsetRecord(offset: offset, committedAtMs: clockMs), for: partition)
      }
      return finish(.success(()))
    } catch {
      return finish(.failure(error))
    }
  }

  private func checkEmpty(_ what: String) throws(GroupError) {
    guard exists else { throw .unknownGroup(id) }
    guard members.isEmpty else {
      throw GroupError(
        .groupNotEmpty, "group '\(id)' has \(members.count) members; it can be \(what) once they have left")
    }
  }

  /// Stores an offset. A group that does not exist does from here on.
  mutating func store(_ record: CommittedOffsetRecord, for partition: PartitionID) {
    if !exists {
      emptySinceMs = clockMs
      changes.group = true
    }
    offsets[partition] = record
    lastCommitMs = max(lastCommitMs, record.committedAtMs)
    changes.offsets.append(GroupLogRecord(.offset(id, partition), .offset(record)))
  }

  mutating func forget(_ partition: PartitionID) {
    guard offsets.removeValue(forKey: partition) != nil else { return }
    changes.offsets.append(GroupLogRecord(.offset(id, partition), nil))
  }

  /// Of a group without members: its offsets go, and itself. The group's own record goes last, so that what a torn end
  /// of the log leaves is gone over again.
  mutating func forgetAll() {
    for partition in offsets.keys.sorted() { forget(partition) }
    changes.offsets.append(GroupLogRecord(.group(id), nil))
    changes.group = false
    emptySinceMs = nil
    epoch = 0
    assignor = .sticky
    lastCommitMs = .min
  }

  /// When an empty group goes; nil where it does not.
  var expiryMs: Int64? {
    guard let emptySinceMs, let retention = limits.offsetsRetentionMs else { return nil }
    return time(max(emptySinceMs, lastCommitMs), plus: max(0, retention))
  }
}
