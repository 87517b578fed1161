package import Logging
internal import NIOCore
package import TailraceGroups
package import TailraceStorage
package import TailraceWire

/// The broker: topics and handlers over a store. Starts with what the store holds; the executable gives it a door.
package struct Broker: Sendable {
  /// What the transport hands calls to.
  package let dispatcher: any RequestDispatcher
  package let registry: TopicRegistry
  private let store: any LogStore
  /// Where fetches wait.
  package let purgatory: FetchPurgatory
  let groups: GroupCoordinator
  private let subscriptions: SubscribeHandler

  /// Loads the metadata, opens all partitions, makes producers known to the store, and loads the groups.
  ///
  /// `groupClock` should not step, or members of groups are timed out that are alive; nil: `clock`.
  package init(
    store: any LogStore, clock: any WallClock, groupClock: (any WallClock)? = nil, info: BrokerInfo,
    topicDefaults: TopicDefaults = .none, fetchLimits: FetchPurgatory.Limits = .init(),
    groupLimits: GroupLimits = GroupLimits(), logger: Logger
  ) async throws(RPCError) {
    let topics = TopicTable()
    let metadata: LogMetadataStore
    let snapshot: MetadataSnapshot
    let offsets: LogOffsetStore
    do throws(StorageError) {
      metadata = try await LogMetadataStore(store: store, clock: clock)
      snapshot = try await metadata.load()
      offsets = try await LogOffsetStore(store: store, clock: clock)
    } catch { throw RPCError(error) }
    topics.set(offsets.topic)
    registry = try await TopicRegistry(
      table: topics, metadata: metadata, snapshot: snapshot, defaults: topicDefaults, store: store, clock: clock,
      logger: logger)
    let producers = ProducerRegistry(metadata: metadata, snapshot: snapshot, store: store, clock: clock)
    purgatory = FetchPurgatory(store: store, limits: fetchLimits)
    groups = await Self.loadGroups(offsets, topics, groupClock ?? clock, groupLimits, logger)
    do throws(StorageError) {
      let dispatcher = try BrokerDispatcher(
        topics: topics, producers: producers, store: store, clock: clock, purgatory: purgatory,
        admin: AdminHandlers(registry: registry, store: store, clock: clock, info: info), groups: groups)
      self.dispatcher = dispatcher
      subscriptions = dispatcher.subscribe
    } catch { throw RPCError(error) }
    self.store = store
  }

  private static func loadGroups(
    _ store: LogOffsetStore, _ topics: TopicTable, _ clock: any WallClock, _ limits: GroupLimits, _ logger: Logger
  ) async -> GroupCoordinator {
    let groups = GroupCoordinator(store: store, topics: topics.all, clock: clock, limits: limits, logger: logger)
    await groups.load()
    topics.observe { groups.topicsChanged(topics.all) }
    return groups
  }

  /// Does what is due by the clock: members of groups that are timed out, heartbeats that have waited long enough. To be
  /// called every `tickInterval`.
  package func tick() { groups.tick() }

  package static let tickInterval = Duration.milliseconds(100)

  /// Calls `tick` until the task is cancelled.
  package func keepTime() async {
    while (try? await Task.sleep(for: Self.tickInterval)) != nil { tick() }
  }

  /// Answers what waits, so that connections can be closed. To be called when no new calls are taken.
  package func drain() {
    purgatory.drain()
    subscriptions.drain()
    groups.drain()
  }

  /// Brings everything to disk and marks the store as cleanly closed. To be called after the transport has stopped.
  package func close() async throws(StorageError) { try await store.close() }
}
