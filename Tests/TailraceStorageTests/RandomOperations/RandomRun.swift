import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// The local store and the model, which are asked the same, and what the script knows of both.
///
/// Each operation is over, flushes included, before the next one begins: the same seed gives the same run.
final class RandomRun {
  /// How many topics and partitions there are.
  enum Scale: CaseIterable {
    case onePartition
    case manyPartitions

    var partitionCounts: [UInt32] { self == .onePartition ? [1] : [1, 2, 3, 6] }
  }

  struct Topic {
    var id: TopicID
    var name: String
    var config: LogConfig
    var partitionCount: UInt32

    var partitions: [PartitionID] { (0..<partitionCount).map { PartitionID(topic: id, index: $0) } }
  }

  let seed: UInt64
  var generator: SeededGenerator
  let clock = ManualClock()
  let options: LocalLogStore.Options
  var local: LocalFixture
  let model: InMemoryLogStore
  var topics: [Topic] = []
  /// The latest epoch of each producer that was admitted.
  var admitted: [Int64: UInt32] = [:]
  var producers: [ProducerKey: SentBatches] = [:]
  /// When a compaction left a tombstone for the first time, by partition and offset.
  var tombstonesSeenMs: [PartitionID: [Int64: Int64]] = [:]
  private var counts: [RandomOperation: Int] = [:]
  private var steps: [String] = []

  init(_ scale: Scale, seed: UInt64) async throws {
    self.seed = seed
    var generator = SeededGenerator(seed: seed)
    var options = LocalLogStore.Options()
    // Nothing but the script is to act.
    options.maintenanceIntervalMs = 3_600_000
    options.scrubBytesPerSecond = 0
    options.producerExpiryMs = .max / 2
    options.compactionMinDirtyRatio = 0
    options.idleOpenFiles = 1 + generator.below(16)
    options.unsyncedOpenFiles = options.idleOpenFiles
    options.preallocatedBytes = generator.below(2) == 0 ? 0 : 4_000
    options.indexCacheBytes = generator.below(2) == 0 ? 1 << 10 : 1 << 20
    options.compactionKeyMapBytes = generator.below(2) == 0 ? 0 : 1 << 16
    self.options = options
    self.generator = generator
    local = try LocalFixture(clock: clock, options: options)
    model = InMemoryLogStore(clock: clock)
    for (index, count) in scale.partitionCounts.enumerated() { try await makeTopic("topic-\(index)", count, at: index) }
  }

  var partitions: [PartitionID] { topics.flatMap(\.partitions) }

  func randomPartition() -> PartitionID { partitions[generator.below(partitions.count)] }

  func config(of partition: PartitionID) -> LogConfig {
    topics.first { $0.id == partition.topic }?.config ?? LogConfig()
  }

  /// How far the run is, and what came last.
  var place: String { "step \(steps.count), the last ones were \(steps.suffix(12).joined(separator: "; "))" }

  var summary: String {
    RandomOperation.allCases.map { "\($0) \(counts[$0, default: 0])" }.joined(separator: ", ")
  }

  /// Says what is being done, for the message of a failure.
  func note(_ text: String) { steps[steps.count - 1] += " " + text }

  // MARK: - The script

  func perform(steps count: Int) async throws {
    for _ in 0..<count {
      let operation = RandomOperation.random(using: &generator)
      counts[operation, default: 0] += 1
      steps.append("\(operation)")
      try await perform(operation)
      await settle()
      for partition in partitions { try checkBounds(of: partition) }
    }
    try await checkAll()
    try await stop()
    try await checkAll()
  }

  private func perform(_ operation: RandomOperation) async throws {
    switch operation {
    case .append: try await append()
    case .read: try await read()
    case .readMany: try await readMany()
    case .lookUp: try await lookUp()
    case .roll: try await roll()
    case .retain: try await retain()
    case .trim: try await trim()
    case .compact: try await compact()
    case .configure: try await configure()
    case .admit: admit()
    case .stop: try await stop()
    case .kill: try await kill()
    case .recreate: try await recreate()
    }
  }

  /// Waits until nothing is queued or under way.
  func settle() async {
    _ = try? await local.store.topicsOnDisk()
    for log in local.store.contents.withLock({ Array($0.partitions.values) }) {
      while log.state.withLock({ $0.flushStage != .idle || $0.preallocation.target != nil }) { await Task.yield() }
      log.flushing.withLock { _ in }
    }
  }
}
