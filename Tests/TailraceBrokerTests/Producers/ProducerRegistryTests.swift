import NIOCore
import Synchronization
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct ProducerRegistryTests {
  /// A registry over a store in memory; `start` is a start on what the store holds.
  private struct Surroundings {
    let clock = ManualClock()
    let store: ProbeLogStore
    let metadata: LogMetadataStore

    init() async throws {
      store = ProbeLogStore(InMemoryLogStore(clock: clock))
      metadata = try await LogMetadataStore(store: store, clock: clock)
    }

    func start(maxNames: Int = ProducerRegistry.defaultMaxNames) async throws -> ProducerRegistry {
      ProducerRegistry(
        metadata: metadata, snapshot: try await metadata.load(), store: store, clock: clock, maxNames: maxNames)
    }

    func end() throws -> Int64 {
      try store.bounds(of: PartitionID(topic: .metadata, index: 0)).logEnd.rawValue
    }
  }

  private func name(_ text: String) throws -> ProducerName { try ProducerName(text) }

  @Test func `a block of ids costs one record`() async throws {
    let surroundings = try await Surroundings()
    let registry = try await surroundings.start()
    for id in Int64(1)...1_000 { #expect(try await registry.initialize(nil).id == id) }
    #expect(try surroundings.end() == 1)
    #expect(try await registry.initialize(nil).id == 1_001)
    #expect(try surroundings.end() == 2)
  }

  @Test func `what is left of a block is not used after a start`() async throws {
    let surroundings = try await Surroundings()
    var seen: Set<Int64> = []
    for _ in 0..<4 {
      let registry = try await surroundings.start()
      for _ in 0..<Int.random(in: 1...3) { #expect(seen.insert(try await registry.initialize(nil).id).inserted) }
    }
    #expect(seen.max() ?? 0 > 3_000)
  }

  @Test func `an id is usable once it was handed out, and after a start all before`() async throws {
    let surroundings = try await Surroundings()
    let registry = try await surroundings.start()
    #expect(!registry.ids.wasHandedOut(1))
    _ = try await registry.initialize(nil)
    #expect(registry.ids.wasHandedOut(1))
    for id in [Int64(2), 0, -1, .min, .max] { #expect(!registry.ids.wasHandedOut(id)) }
    let next = try await surroundings.start()
    #expect(next.ids.wasHandedOut(1_000))
    #expect(!next.ids.wasHandedOut(1_001))
  }

  @Test func `without a record there is no id and no epoch`() async throws {
    let surroundings = try await Surroundings()
    let registry = try await surroundings.start()
    let first = try await registry.initialize(try name("a"))
    for outcome in [
      AppendOutcome.refused(StorageError(.full, "no space left")), .unknown(StorageError(.failed, "fsync EIO")),
    ] {
      surroundings.store.fail(.metadata(outcome))
      let admitted = surroundings.store.seen.admitted.count
      await #expect(throws: RPCError.self) { try await registry.initialize(try name("a")) }
      await #expect(throws: RPCError.self) { try await registry.initialize(try name("b")) }
      #expect(surroundings.store.seen.admitted.count == admitted)
    }
    surroundings.store.fail(.none)
    let next = try await registry.initialize(try name("a"))
    #expect(next.id == first.id && next.epoch == first.epoch + 1)
  }

  @Test func `a new epoch is admitted before it is handed out, and again after a start`() async throws {
    let surroundings = try await Surroundings()
    let registry = try await surroundings.start()
    for epoch in UInt32(0)..<3 {
      let producer = try await registry.initialize(try name("a"))
      #expect(producer.epoch == epoch)
      #expect(surroundings.store.seen.admitted.last.map { $0 == (producer.id, epoch) } == true)
    }
    _ = try await registry.initialize(try name("b"))
    let before = surroundings.store.seen.admitted.count
    _ = try await surroundings.start()
    let again = surroundings.store.seen.admitted.dropFirst(before).sorted { $0.producer < $1.producer }
    #expect(again.map(\.producer) == [1, 2])
    #expect(again.map(\.epoch) == [2, 0])
  }

  @Test func `past the last epoch a name gets a new id, and the old one is fenced`() async throws {
    let surroundings = try await Surroundings()
    try await surroundings.metadata.put(ProducerIDBlock(nextProducerID: 8))
    try await surroundings.metadata.put(
      ProducerRecord(name: "a", producerID: 7, producerEpoch: ProducerRegistry.lastEpoch - 1))
    let registry = try await surroundings.start()
    #expect(try await registry.initialize(try name("a")) == (7, ProducerRegistry.lastEpoch))
    #expect(try await registry.initialize(try name("a")) == (8, 0))
    #expect(surroundings.store.seen.admitted.suffix(2).map(\.producer) == [7, 8])
    #expect(surroundings.store.seen.admitted.suffix(2).map(\.epoch) == [.max, 0])
    #expect(try await surroundings.start().initialize(try name("a")) == (8, 1))
  }

  @Test func `there are so many names and no more`() async throws {
    let surroundings = try await Surroundings()
    let registry = try await surroundings.start(maxNames: 2)
    _ = try await registry.initialize(try name("a"))
    _ = try await registry.initialize(try name("b"))
    let failure = await #expect(throws: RPCError.self) { try await registry.initialize(try name("c")) }
    #expect(failure?.code == .resourceExhausted && failure?.error == .limitReached)
    #expect(failure?.message == "there are 2 producers with a name; at most 2 are allowed")
    #expect(try await registry.initialize(try name("a")).epoch == 1)
    #expect(try await registry.initialize(nil).id == 3)
  }

  @Test func `ids that are used up are refused, not used again`() async throws {
    let surroundings = try await Surroundings()
    try await surroundings.metadata.put(ProducerIDBlock(nextProducerID: .max - 1))
    let registry = try await surroundings.start()
    #expect(try await registry.initialize(nil).id == .max - 1)
    let failure = await #expect(throws: RPCError.self) { try await registry.initialize(nil) }
    #expect(failure?.error == .limitReached)
  }

  @Test func `a name's id counts as handed out, whatever the block says`() async throws {
    let surroundings = try await Surroundings()
    try await surroundings.metadata.put(ProducerRecord(name: "a", producerID: 50, producerEpoch: 3))
    let registry = try await surroundings.start()
    #expect(registry.ids.wasHandedOut(50))
    #expect(try await registry.initialize(nil).id == 51)
  }
}
