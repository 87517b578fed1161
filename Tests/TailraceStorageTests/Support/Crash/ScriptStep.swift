import TailraceStorage
import TailraceTestSupport

/// One operation of a scripted history. Topics and partitions are given by their places in the script.
///
/// Whatever else a store can do joins here: a case, its weight in `ScriptGenerator`, what it does in
/// `ScriptedHistory.perform`, and in `Ledger` what may be expected after a crash.
enum ScriptStep: Sendable {
  /// Batches with values of so many bytes, in one call, answered before the next step.
  case append(Int, valueBytes: [Int], AppendDurability)
  /// One batch for each partition in one request.
  case appendToAll(valueBytes: Int, AppendDurability)
  /// The first batch's fsync is held until the others are written, each in a call of its own.
  case appendDuringSync(Int, valueBytes: [Int], AppendDurability)
  /// Everything before a place is deleted, in percent of what there is.
  case deleteRecords(Int, percent: Int)
  /// What is timed comes due.
  case letTimePass
  /// One round of compaction over all partitions.
  case compact
  /// One round of what is done from time to time: segments go by age and size.
  case maintain
  case configure(topic: Int, ConfigChange)
  case closeAndReopen
  /// The process ends at once and the next one finds the page cache.
  case killAndReopen
  /// A topic goes, and one of the same name and another id is made.
  case dropAndCreate(topic: Int)
}

/// What is changed of a topic's configuration while it is used.
enum ConfigChange: Sendable {
  case durability(LogConfig.Durability)
  case segmentBytes(Int)
  case retentionBytes(Int64?)

  func apply(to config: inout LogConfig) {
    switch self {
    case .durability(let durability): config.durability = durability
    case .segmentBytes(let count): config.segmentBytes = count
    case .retentionBytes(let count): config.retentionBytes = count
    }
  }
}

/// Draws steps.
struct ScriptGenerator {
  var generator: SeededGenerator
  let partitionCount: Int
  let topicCount: Int

  mutating func next() -> ScriptStep {
    let partition = generator.below(partitionCount)
    let durability: AppendDurability = generator.below(5) < 3 ? .durable : .written
    switch generator.below(100) {
    case 0: return .closeAndReopen
    case 1, 2: return .killAndReopen
    case 3..<7: return .dropAndCreate(topic: generator.below(topicCount))
    case 7..<9: return .letTimePass
    case 9..<20: return .appendDuringSync(partition, valueBytes: sizes(atMost: 5), durability)
    case 20..<26: return .appendToAll(valueBytes: size(), durability)
    case 26..<31: return .deleteRecords(partition, percent: generator.below(101))
    case 31..<37: return .compact
    case 37..<40: return .maintain
    case 40..<44: return .configure(topic: generator.below(topicCount), change())
    default: return .append(partition, valueBytes: sizes(atMost: 3), durability)
    }
  }

  private mutating func change() -> ConfigChange {
    switch generator.below(3) {
    case 0: .durability([.durable, .os, .interval(milliseconds: 100)][generator.below(3)])
    case 1: .segmentBytes(500 + generator.below(1_000))
    default: .retentionBytes(generator.below(3) == 0 ? nil : Int64(1_000 + generator.below(3_000)))
    }
  }

  private mutating func sizes(atMost count: Int) -> [Int] { (0...generator.below(count)).map { _ in size() } }

  /// Small as a rule; now and then more than a sector.
  private mutating func size() -> Int { generator.below(20) == 0 ? 500 + generator.below(400) : generator.below(30) }
}
