import Logging
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// Runs a script against a store on a recorded disk and keeps the ledger. Each step is over, flushes included, before
/// the next one begins: the same seed gives the same history.
final class ScriptedHistory {
  /// A topic of the script: what it is called, how it is kept, and how many partitions it has.
  struct Plan {
    var name: String
    var config: LogConfig
    var partitionCount: UInt32
  }

  static let directory = "/data"
  /// Small, so that there are many segments.
  static let segmentBytes = 1_000
  /// Tombstones go after the next pass but one, if time has passed.
  private static let compacted = {
    var config = LogConfig(segmentBytes: segmentBytes, cleanup: .compact)
    config.deleteRetentionMs = 500
    return config
  }()
  /// Of compacted topics.
  static let keyCount = 12
  static let plans = [
    Plan(name: "durable", config: LogConfig(segmentBytes: segmentBytes), partitionCount: 2),
    Plan(
      name: "interval", config: LogConfig(durability: .interval(milliseconds: 100), segmentBytes: segmentBytes),
      partitionCount: 1),
    Plan(name: "os", config: LogConfig(durability: .os, segmentBytes: segmentBytes), partitionCount: 2),
    Plan(name: "compacted", config: compacted, partitionCount: 2),
  ]

  var fileSystem = RecordingFileSystem()
  var store: LocalLogStore
  let clock = ManualClock()
  let ledger = Guarded(Ledger())
  /// Places of the script's topics in the ledger.
  var topics: [Int] = []
  var batchCount = 0
  /// What the producer of each partition numbers its next record.
  var sequences: [PartitionID: UInt32] = [:]
  static let producer: Int64 = 7
  private var nextTopicNumber: UInt64 = 1

  init() async throws {
    store = try Self.open(fileSystem, clock)
    ledger.withLock { $0.cluster = (fileSystem.changeCount, store.clusterID) }
    for plan in Self.plans { topics.append(try await create(plan)) }
  }

  /// Opens a store with as few threads as it takes.
  static func open(_ fileSystem: any FileSystem, _ clock: any WallClock) throws(StorageError) -> LocalLogStore {
    var options = LocalLogStore.Options()
    options.flusherThreads = 1
    options.blockingThreads = 1
    // Nothing but the script is to move the disk or look at it.
    options.maintenanceIntervalMs = 3_600_000
    options.scrubBytesPerSecond = 0
    // Half of what a segment holds, as it grows.
    options.preallocatedBytes = 1_000
    // Not for all keys: one round takes several passes.
    options.compactionKeyMapBytes = 256
    return try LocalLogStore(
      directory: directory, fileSystem: fileSystem, clock: clock,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, options: options)
  }

  /// Runs so many steps of a seed's script. The store is left as it is, not closed.
  static func run(steps: Int, seed: UInt64) async throws -> (history: DiskHistory, ledger: Ledger) {
    let script = try await ScriptedHistory()
    var generator = ScriptGenerator(
      generator: SeededGenerator(seed: seed), partitionCount: script.partitions.count, topicCount: plans.count)
    for _ in 0..<steps { try await script.perform(generator.next()) }
    let history = script.fileSystem.history
    _ = script.fileSystem.kill()
    return (
      history,
      script.ledger.withLock { ledger in
        ledger.complete()
        return ledger
      }
    )
  }

  /// The partitions of the topics that are there now.
  var partitions: [PartitionID] {
    ledger.withLock { ledger in topics.flatMap { ledger.topics[$0].partitions } }
  }

  // MARK: - Topics

  /// Makes a topic with a new id; its place in the ledger.
  func create(_ plan: Plan) async throws -> Int {
    let id = TopicID(high: 1, low: nextTopicNumber)
    nextTopicNumber += 1
    let partitions = (0..<plan.partitionCount).map { PartitionID(topic: id, index: $0) }
    let topic = Ledger.Topic(
      id: id, name: plan.name, config: plan.config, partitions: partitions, createBegun: fileSystem.changeCount)
    let place = ledger.withLock { ledger in
      ledger.topics.append(topic)
      for partition in partitions { ledger.partitions[partition] = Ledger.Partition() }
      return ledger.topics.count - 1
    }
    try await makeKnown(topic)
    ledger.withLock { $0.topics[place].created = fileSystem.changeCount }
    return place
  }

  /// Opens a topic's partitions and notes their epochs.
  func makeKnown(_ topic: Ledger.Topic) async throws {
    try await store.create(topic.partitions, topicName: topic.name, config: topic.config, fence: .local)
    await settle()
    for partition in topic.partitions {
      let epoch = try store.bounds(of: partition).partitionEpoch
      ledger.withLock { ledger in
        ledger.partitions[partition]?.epochs.append(Ledger.Epoch(at: fileSystem.changeCount, epoch: epoch))
      }
    }
  }

  func reopen() async throws {
    store = try Self.open(fileSystem, clock)
    for topic in ledger.withLock({ ledger in topics.map { ledger.topics[$0] } }) { try await makeKnown(topic) }
  }

  // MARK: - Waiting

  /// Waits until nothing is queued or under way.
  func settle() async {
    _ = try? await store.topicsOnDisk()
    for log in store.contents.withLock({ Array($0.partitions.values) }) {
      while log.state.withLock({ $0.flushStage != .idle || $0.preallocation.target != nil }) { await Task.yield() }
      log.flushing.withLock { _ in }
    }
    noteSeen()
  }

  /// What readers of a durable topic may have seen by now must stay.
  func noteSeen() {
    for topic in ledger.withLock({ ledger in topics.map { ledger.topics[$0] } })
    where topic.config.durability == .durable {
      for partition in topic.partitions {
        guard let end = try? store.bounds(of: partition).highWatermark.rawValue else { continue }
        ledger.withLock { ledger in
          ledger.partitions[partition]?.durable.append(Ledger.Mark(at: fileSystem.changeCount, end: end))
        }
      }
    }
  }
}
