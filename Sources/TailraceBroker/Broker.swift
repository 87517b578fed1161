package import Logging
internal import NIOCore
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

  /// Loads the metadata, opens all partitions, and makes producers known to the store.
  package init(
    store: any LogStore, clock: any WallClock, info: BrokerInfo, topicDefaults: TopicDefaults = .none,
    fetchLimits: FetchPurgatory.Limits = .init(), logger: Logger
  ) async throws(RPCError) {
    let topics = TopicTable()
    let metadata: LogMetadataStore
    let snapshot: MetadataSnapshot
    do throws(StorageError) {
      metadata = try await LogMetadataStore(store: store, clock: clock)
      snapshot = try await metadata.load()
    } catch { throw RPCError(error) }
    registry = try await TopicRegistry(
      table: topics, metadata: metadata, snapshot: snapshot, defaults: topicDefaults, store: store, clock: clock,
      logger: logger)
    let producers = ProducerRegistry(metadata: metadata, snapshot: snapshot, store: store, clock: clock)
    purgatory = FetchPurgatory(store: store, limits: fetchLimits)
    do throws(StorageError) {
      dispatcher = try BrokerDispatcher(
        topics: topics, producers: producers, store: store, clock: clock, purgatory: purgatory,
        admin: AdminHandlers(registry: registry, store: store, info: info))
    } catch { throw RPCError(error) }
    self.store = store
  }

  /// Answers what waits for data, so that connections can be closed. To be called when no new calls are taken.
  package func drain() { purgatory.drain() }

  /// Brings everything to disk and marks the store as cleanly closed. To be called after the transport has stopped.
  package func close() async throws(StorageError) { try await store.close() }
}
