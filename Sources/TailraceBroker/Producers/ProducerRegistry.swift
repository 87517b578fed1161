package import TailraceStorage
package import TailraceWire

/// Hands out producer ids and epochs, one call after the other, and fences the older epochs of producers with a name.
///
/// Ids are set aside in blocks: a block is stored before any id of it is handed out, and what a crash leaves of it is
/// never used, so no id has two owners. A name's new epoch is stored before storage fences the older one, and both are
/// done before anybody hears of it.
package actor ProducerRegistry {
  /// Ids that are set aside with one record.
  package static let blockSize: Int64 = 1_000
  /// Producers with a name.
  package static let defaultMaxNames = 100_000
  /// The last epoch that is handed out: there is one above it for storage to fence this one with.
  static let lastEpoch = UInt32.max - 1

  /// Of the id of a batch: was it ever handed out?
  package nonisolated let ids: ProducerIDs
  private let metadata: any MetadataStore
  private let store: any LogStore
  private let clock: any WallClock
  private let maxNames: Int
  private var changes = ChangeQueue()
  private var producers: [String: ProducerRecord]
  private var nextID: Int64
  /// Ids below are stored as set aside.
  private var blockEnd: Int64

  /// Takes over what was handed out, and makes the epochs of all producers with a name known to the store again. To be
  /// done before anything is appended.
  package init(
    metadata: any MetadataStore, snapshot: MetadataSnapshot, store: any LogStore, clock: any WallClock,
    maxNames: Int = ProducerRegistry.defaultMaxNames
  ) {
    self.metadata = metadata
    self.store = store
    self.clock = clock
    self.maxNames = maxNames
    producers = snapshot.producers
    // A name's id was handed out, whatever the block says.
    let highest = producers.values.reduce(0) { max($0, $1.producerID) }
    nextID = max(snapshot.nextProducerID, highest == .max ? .max : highest + 1)
    blockEnd = nextID
    ids = ProducerIDs()
    ids.advance(to: nextID)
    for producer in producers.values {
      store.admit(producer: producer.producerID, epoch: producer.producerEpoch, fence: .local)
    }
  }

  /// A new id, or with a name that is known its id and the next epoch. RESOURCE_EXHAUSTED where there are too many names.
  package func initialize(_ name: ProducerName?) async throws(RPCError) -> (id: Int64, epoch: UInt32) {
    let producer = try await changes.add(self) { registry throws(RPCError) in
      guard let name else { return ProducerRecord(producerID: try await registry.takeID()) }
      return try await registry.takeEpoch(of: name)
    }.value.get()
    return (producer.producerID, producer.producerEpoch)
  }

  private func takeID() async throws(RPCError) -> Int64 {
    guard nextID < Int64.max else {
      throw RPCError(
        .resourceExhausted, "producer ids are used up: all below \(nextID) were handed out", error: .limitReached)
    }
    if nextID >= blockEnd {
      let (end, overflow) = nextID.addingReportingOverflow(Self.blockSize)
      let block = ProducerIDBlock(nextProducerID: overflow ? .max : end)
      do throws(StorageError) { try await metadata.put(block) } catch { throw RPCError(error) }
      blockEnd = block.nextProducerID
    }
    let id = nextID
    nextID += 1
    ids.advance(to: nextID)
    return id
  }

  private func takeEpoch(of name: ProducerName) async throws(RPCError) -> ProducerRecord {
    let known = producers[name.text]
    guard known != nil || producers.count < maxNames else {
      throw RPCError(
        .resourceExhausted, "there are \(producers.count) producers with a name; at most \(maxNames) are allowed",
        error: .limitReached)
    }
    var producer = ProducerRecord(name: name.text, initializedAtMs: clock.nowMs())
    if let known, known.producerEpoch < Self.lastEpoch {
      producer.producerID = known.producerID
      producer.producerEpoch = known.producerEpoch + 1
    } else {
      producer.producerID = try await takeID()
    }
    do throws(StorageError) { try await metadata.put(producer) } catch { throw RPCError(error) }
    if let known, known.producerID != producer.producerID {
      // Nobody has this epoch: what was handed out before is fenced.
      store.admit(producer: known.producerID, epoch: .max, fence: .local)
    }
    store.admit(producer: producer.producerID, epoch: producer.producerEpoch, fence: .local)
    producers[name.text] = producer
    return producer
  }
}
