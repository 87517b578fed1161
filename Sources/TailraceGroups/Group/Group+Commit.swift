internal import NIOCore
package import TailraceWire

extension Group {
  /// The longest metadata of an offset, in bytes.
  private static let maxMetadataBytes = 4_096

  /// Stores offsets; each is accepted or refused by itself.
  ///
  /// A member may commit for what it owns, also while it lets it go, in any of its epochs since it got the partition;
  /// epochs before it joined, and such as were never handed out, are refused (FENCED_MEMBER). Without a member it may be
  /// done only while the group has none, and makes the group if it is not there.
  package mutating func commit(_ request: CommitOffsetRequest, now: Int64) -> GroupOutcome<CommitOffsetResponse> {
    note(now)
    do throws(GroupError) {
      guard (1...max(1, limits.maxPartitionsPerCall)).contains(request.offsets.count) else {
        throw GroupError(
          request.offsets.isEmpty ? .invalid : .limitReached,
          "\(request.offsets.count) offsets are committed; 1 to \(limits.maxPartitionsPerCall) are allowed")
      }
      let committer = try committer(request)
      let results = request.offsets.map { offset in
        do throws(PartitionRefusal) {
          try store(offset, committer, epoch: request.memberEpoch)
          return OffsetCommitResult()
        } catch {
          return OffsetCommitResult(error: PartitionError(code: error.code, message: error.message))
        }
      }
      return finish(.success(CommitOffsetResponse(results: results)))
    } catch {
      return finish(.failure(error))
    }
  }

  private struct PartitionRefusal: Error {
    let code: ErrorCode
    let message: String
  }

  /// Nil: nobody, and the group has no members.
  private func committer(_ request: CommitOffsetRequest) throws(GroupError) -> MemberID? {
    guard !request.memberID.isEmpty else {
      guard members.isEmpty else {
        throw GroupError(
          .groupNotEmpty, "group '\(id)' has \(members.count) members: only they commit, with their member_id")
      }
      return nil
    }
    let member = try member(request.memberID)
    guard (member.joinedEpoch...max(member.joinedEpoch, member.epoch)).contains(request.memberEpoch) else {
      throw GroupError(
        .fencedMember,
        "member '\(member.id)' is in epoch \(member.epoch), the commit in \(request.memberEpoch); stop reading and join"
          + " again")
    }
    return member.id
  }

  private mutating func store(
    _ commit: OffsetCommit, _ committer: MemberID?, epoch: UInt32
  ) throws(PartitionRefusal) {
    let partition = try partition(of: commit)
    if let committer { try checkOwner(of: partition, committer, epoch) }
    guard commit.offset >= 0 else {
      throw PartitionRefusal(code: .invalidRequest, message: "the offset is \(commit.offset); it is 0 or above")
    }
    guard commit.metadata.utf8.count <= Self.maxMetadataBytes, !commit.metadata.utf8.contains(0) else {
      throw PartitionRefusal(
        code: .invalidRequest,
        message:
          "metadata has \(commit.metadata.utf8.count) bytes; at most \(Self.maxMetadataBytes) without NUL are allowed")
    }
    guard offsets[partition] != nil || offsets.count < limits.maxOffsets else {
      throw PartitionRefusal(
        code: .limitReached,
        message: "the group stores \(offsets.count) offsets; at most \(limits.maxOffsets) are allowed")
    }
    store(
      CommittedOffsetRecord(
        offset: commit.offset, metadata: commit.metadata, committedAtMs: clockMs, lastEpoch: commit.lastEpoch),
      for: partition)
  }

  private func partition(of commit: OffsetCommit) throws(PartitionRefusal) -> PartitionID {
    let topic: TopicCatalog.Topic?
    do throws(GroupError) { topic = try self.topic(commit.topicID, name: commit.topic) } catch {
      throw PartitionRefusal(code: .invalidRequest, message: error.message)
    }
    guard let topic else {
      guard commit.topicID.readableBytes == 0 else {
        throw PartitionRefusal(
          code: .unknownTopicID, message: "there is no topic '\(commit.topic.excerpt)' of this topic_id any more")
      }
      throw PartitionRefusal(code: .unknownTopic, message: "there is no topic '\(commit.topic.excerpt)'")
    }
    guard commit.partition < topic.partitionCount else {
      throw PartitionRefusal(
        code: .unknownPartition,
        message: "topic '\(topic.name)' has \(topic.partitionCount) partitions, and no \(commit.partition)")
    }
    return PartitionID(topic: topic.id, index: commit.partition)
  }

  private func checkOwner(of partition: PartitionID, _ member: MemberID, _ epoch: UInt32) throws(PartitionRefusal) {
    guard let given = members[member]?.owned[partition] else {
      throw PartitionRefusal(code: .notOwner, message: "member '\(member)' does not own partition \(partition.index)")
    }
    guard epoch >= given else {
      throw PartitionRefusal(
        code: .notOwner,
        message: "member '\(member)' got partition \(partition.index) in epoch \(given), and commits in \(epoch)")
    }
  }
}
