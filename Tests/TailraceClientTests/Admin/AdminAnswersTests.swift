import NIOCore
import TailraceClient
import TailraceWire
import Testing

/// What administration makes of answers that a healthy broker does not give.
@Suite(.timeLimit(.minutes(15))) struct AdminAnswersTests {
  private let partition = TopicPartition("orders", 0)

  private func withAnswers(
    _ dispatcher: AnsweringDispatcher, _ body: (AdminClient) async throws -> Void
  ) async throws {
    try await withServer(dispatcher) { _, port in
      var configuration = ClientConfiguration(server: "127.0.0.1:\(port)")
      configuration.initialBackoff = .milliseconds(1)
      configuration.maxBackoff = .milliseconds(5)
      // However busy the machine is.
      configuration.callTimeout = .seconds(300)
      let client = try Client(configuration)
      do {
        try await body(AdminClient(client))
        await client.close()
      } catch {
        await client.close()
        throw error
      }
    }
  }

  @Test func `only what may be done twice is asked for twice`() async throws {
    let dispatcher = AnsweringDispatcher { _, attempt in
      .failure(attempt == 1 ? RPCError(.unavailable, "not now") : RPCError(.notFound, "not at all"))
    }
    try await withAnswers(dispatcher) { admin in
      let (partition, stored) = (partition, [partition: OffsetAndMetadata(0)])
      let calls: [(RPCMethod, isRepeatable: Bool, () async throws -> Any)] = [
        (.adminServiceCreateTopic, false, { try await admin.createTopic("a") }),
        (.adminServiceDeleteTopic, false, { try await admin.deleteTopic("a") }),
        (.adminServiceCreatePartitions, false, { try await admin.createPartitions(of: "a", total: 2) }),
        (.groupServiceDeleteGroup, false, { try await admin.deleteGroup("a") }),
        (.groupServiceResetOffsets, false, { try await admin.resetOffsets(of: "a", to: .shift(by: 1)) }),
        (.logServiceDeleteRecords, false, { try await admin.deleteRecords([partition: .all]) }),
        (.adminServiceListTopics, true, { try await admin.listTopics() }),
        (.adminServiceDescribeTopic, true, { try await admin.describeTopic("a") }),
        (.adminServiceDescribeConfig, true, { try await admin.describeConfig(of: "a") }),
        (.adminServiceAlterConfig, true, { try await admin.alterConfig(of: "a", unset: ["retention_ms"]) }),
        (.adminServiceDescribeCluster, true, { try await admin.describeCluster() }),
        (.adminServicePing, true, { try await admin.ping() }),
        (.logServiceListOffsets, true, { try await admin.listOffsets(.latest, of: [partition]) }),
        (.groupServiceListGroups, true, { try await admin.listGroups() }),
        (.groupServiceDescribeGroup, true, { try await admin.describeGroup("a") }),
        (.groupServiceFetchOffsets, true, { try await admin.committedOffsets(of: "a") }),
        (.groupServiceCommitOffset, true, { try await admin.commitOffsets(stored, of: "a") }),
      ]
      for (method, isRepeatable, call) in calls {
        await expect(isRepeatable ? .notFound : .unavailable) { try await call() }
        #expect(dispatcher.count(of: method) == (isRepeatable ? 2 : 1), "\(method.fullName)")
      }
    }
  }

  @Test func `what may be done twice in one form and not in another is asked for accordingly`() async throws {
    let calls: [(AdminClient) async throws -> Any] = [
      { try await $0.deleteRecords([partition: .before(1)]) },
      { try await $0.resetOffsets(of: "a", to: .shift(by: 1), dryRun: true) },
      { try await $0.createTopic("a", validateOnly: true) },
      { try await $0.createPartitions(of: "a", total: 2, validateOnly: true) },
    ]
    for call in calls {
      let dispatcher = AnsweringDispatcher { _, attempt in
        .failure(attempt == 1 ? RPCError(.unavailable, "not now") : RPCError(.notFound, "not at all"))
      }
      try await withAnswers(dispatcher) { admin in
        await expect(.notFound) { try await call(admin) }
      }
    }
  }

  @Test func `what may be done twice succeeds when the broker is back`() async throws {
    let dispatcher = AnsweringDispatcher { _, attempt in
      attempt < 4
        ? .failure(RPCError(.unavailable, "not now"))
        : answer(ListTopicsResponse(topics: [TopicSummary(name: "orders", partitionCount: 1)]))
    }
    try await withAnswers(dispatcher) { admin in
      let topics = try await admin.listTopics()
      #expect(topics.map(\.name) == ["orders"] && dispatcher.count(of: .adminServiceListTopics) == 4)
    }
  }

  @Test func `answers that do not fit the question are refused`() async throws {
    let dispatcher = AnsweringDispatcher { method, _ in
      switch method {
      case .adminServiceListTopics: answer(ListTopicsResponse(nextPageToken: "a"))
      case .groupServiceListGroups: answer(ListGroupsResponse(nextPageToken: "a"))
      case .adminServicePing: answer(PingResponse(payload: ByteBuffer(string: "pong")))
      case .groupServiceCommitOffset:
        answer(CommitOffsetResponse(results: [OffsetCommitResult(), OffsetCommitResult()]))
      default: .message(ByteBuffer())
      }
    }
    try await withAnswers(dispatcher) { admin in
      _ = try await admin.describeCluster()
      await expect(.internalError) { try await admin.listTopics() }
      await expect(.internalError) { try await admin.listGroups() }
      await expect(.internalError) { try await admin.ping() }
      await expect(.internalError) { try await admin.listOffsets(.latest, of: [partition]) }
      await expect(.internalError) { try await admin.deleteRecords([partition: .before(1)]) }
      await expect(.internalError) { try await admin.commitOffsets([partition: OffsetAndMetadata(0)], of: "a") }
    }
  }

  @Test func `extreme numbers are taken as they are or clamped, and trap nothing`() async throws {
    let dispatcher = AnsweringDispatcher { method, _ in
      switch method {
      case .adminServiceDescribeTopic:
        let partition = PartitionDescription(
          partition: .max, logStartOffset: .min, highWatermark: .max, partitionEpoch: .max, sizeBytes: .max,
          segmentCount: .max)
        return answer(DescribeTopicResponse(createdAtMs: .min, partitions: [partition, partition]))
      case .groupServiceDescribeGroup:
        let lag = PartitionLag(committed: CommittedOffset(partition: .max, offset: .min), lag: .max)
        return answer(
          DescribeGroupResponse(
            group: GroupSummary(state: GroupState(rawValue: 99)), assignor: Assignor(rawValue: -1),
            members: [MemberDescription(owned: [TopicPartitions(topic: "a", partitions: [.max, .max])])],
            partitions: [lag, lag]))
      default: return answer(DescribeClusterResponse(limits: Limits(maxBytesInFlight: .max), uptimeMs: .max))
      }
    }
    try await withAnswers(dispatcher) { admin in
      let topic = try await admin.describeTopic("a")
      #expect(topic.id.isEmpty && topic.partitions.map(\.sizeBytes) == [.max, .max])
      let group = try await admin.describeGroup("a")
      #expect(group.totalLag == .max && group.state == .unknown && group.assignor == nil)
      #expect(group.partitions.allSatisfy { $0.committed == nil })
      #expect(try await admin.describeCluster().uptime > .seconds(1))
    }
  }
}
