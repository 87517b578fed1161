@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// Topics come, go and change; the store is stopped, killed and opened again.
extension RandomRun {
  func makeTopic(_ name: String, _ partitionCount: UInt32, at index: Int) async throws {
    let topic = Topic(
      id: TopicID.random(using: &generator), name: name, config: randomConfig(), partitionCount: partitionCount)
    if index < topics.count { topics[index] = topic } else { topics.append(topic) }
    try await create(topic, in: local.store)
    try await create(topic, in: model)
  }

  private func create(_ topic: Topic, in store: some LogStore) async throws {
    try await store.create(topic.partitions, topicName: topic.name, config: topic.config, fence: .local)
  }

  func recreate() async throws {
    let index = generator.below(topics.count)
    let old = topics[index]
    note(old.name)
    try await local.store.drop(topic: old.id, fence: .local)
    try await model.drop(topic: old.id, fence: .local)
    for partition in old.partitions {
      let found = await kind { try local.store.bounds(of: partition) }
      try require(
        found == .unknownPartition, "\(partition) was dropped, and answers \(found.map { "\($0)" } ?? "still")")
      tombstonesSeenMs[partition] = nil
    }
    try await makeTopic(old.name, old.partitionCount, at: index)
  }

  func configure() async throws {
    let index = generator.below(topics.count)
    topics[index].config = randomConfig()
    let topic = topics[index]
    note("\(topic.name) \(topic.config.cleanup.rawValue) \(topic.config.durability)")
    try await local.store.configure(topic: topic.id, config: topic.config, fence: .local)
    try await model.configure(topic: topic.id, config: topic.config, fence: .local)
  }

  func admit() {
    let producer = randomProducer()
    let epoch = admitted[producer, default: 0] + 1
    note("\(producer) in epoch \(epoch)")
    admitted[producer] = epoch
    local.store.admit(producer: producer, epoch: epoch, fence: .local)
    model.admit(producer: producer, epoch: epoch, fence: .local)
  }

  // MARK: - Stops

  func stop() async throws {
    let epochs = try epochs()
    try await local.store.close()
    let verdict = try Verdict(local.directory.path)
    try require(verdict.findings.isEmpty, "after a stop in order: \(verdict.findings)")
    local = try LocalFixture(local.directory, clock: clock, options: options)
    try await reopen()
    for (partition, epoch) in epochs {
      let found = try local.store.bounds(of: partition).partitionEpoch
      try require(found == epoch, "epoch \(found) of \(partition) after a stop in order in \(epoch)")
    }
  }

  /// The next process finds what the last one had written.
  func kill() async throws {
    let epochs = try epochs()
    local = try LocalFixture(try local.directory.copy(), clock: clock, options: options)
    try await reopen()
    for (partition, epoch) in epochs {
      let found = try local.store.bounds(of: partition).partitionEpoch
      try require(found > epoch, "epoch \(found) of \(partition) after a kill in \(epoch)")
    }
  }

  private func epochs() throws -> [PartitionID: UInt32] {
    var epochs: [PartitionID: UInt32] = [:]
    for partition in partitions { epochs[partition] = try local.store.bounds(of: partition).partitionEpoch }
    return epochs
  }

  private func reopen() async throws {
    for (producer, epoch) in admitted { local.store.admit(producer: producer, epoch: epoch, fence: .local) }
    for topic in topics { try await create(topic, in: local.store) }
    await settle()
    for partition in partitions { try await checkContents(of: partition) }
  }

  // MARK: - Configurations

  private func randomConfig() -> LogConfig {
    let durabilities: [LogConfig.Durability] = [.durable, .durable, .interval(milliseconds: 100), .os]
    let cleanups: [LogConfig.Cleanup] = [.delete, .delete, .compact, .compact, [.delete, .compact], []]
    var config = LogConfig(
      durability: durabilities[generator.below(4)], segmentBytes: 200 + generator.below(6_000),
      maxBatchBytes: generator.below(6) == 0 ? 600 : 1 << 20, hasAppendTimestamps: generator.below(4) == 0,
      cleanup: cleanups[generator.below(6)])
    config.segmentMs = maybe(60_000)
    config.retentionMs = maybe(300_000)
    config.retentionBytes = maybe(60_000)
    config.minCompactionLagMs = maybe(20_000) ?? 0
    config.deleteRetentionMs = maybe(100_000) ?? 0
    return config
  }

  private func maybe(_ bound: Int) -> Int64? { generator.below(3) == 0 ? nil : Int64(1 + generator.below(bound)) }
}
