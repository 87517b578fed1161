import NIOCore
import TailraceWire

/// A topic that producers send to while the broker is killed. Segments are small, so that they are finished, indexed and
/// checkpointed all the time.
enum FuzzKillTopic: String, CaseIterable, Sendable {
  /// Acks DURABLE.
  case durable = "kill-durable"
  /// Left to the operating system, acks WRITTEN: the page cache outlives the process, so nothing may get lost either.
  case os = "kill-os"
  /// Acks DURABLE; of each key the latest record stays.
  case compacted = "kill-compacted"

  var acks: Acks { self == .os ? .written : .durable }

  var config: [ConfigEntry] {
    switch self {
    case .durable: [ConfigEntry(name: "segment_bytes", value: "262144")]
    case .os: [ConfigEntry(name: "segment_bytes", value: "262144"), ConfigEntry(name: "durability", value: "os")]
    case .compacted:
      [ConfigEntry(name: "segment_bytes", value: "65536"), ConfigEntry(name: "cleanup_policy", value: "compact")]
    }
  }
}

/// A partition of one of the topics.
struct FuzzKillPlace: Hashable, Sendable, CustomStringConvertible {
  let topic: FuzzKillTopic
  let partition: UInt32

  var description: String { "\(topic.rawValue)/\(partition)" }
}

/// The records of a producer in a partition, by number: the same ones each time they are asked for.
struct FuzzKillRecords: Sendable {
  /// A producer's records of one partition have as many keys, in turn.
  static let keys = 16

  let place: FuzzKillPlace
  let producer: Int

  func key(_ number: Int) -> ByteBuffer { ByteBuffer(string: "\(producer)-\(number % Self.keys)") }

  /// Says whose it is, and which one: `FuzzKillRecordName` reads it.
  func value(_ number: Int) -> ByteBuffer {
    let name = "\(place.topic.rawValue) \(place.partition) \(producer) \(number) "
    // Of all lengths up to some 300 bytes, and a long one now and then.
    let filler = number % 97 == 96 ? 9_000 : (number &* 7_919) % 300
    return ByteBuffer(string: name + String(repeating: "\(number % 10)", count: filler))
  }

  /// The batch of records `numbers`, as it is sent by a producer with this identity.
  func batch(_ numbers: Range<Int>, producerID: Int64, epoch: UInt32) throws -> RecordBatch {
    var builder = RecordSetBuilder(baseTimestampMs: 1_000)
    for number in numbers { builder.append(key: key(number), value: value(number), timestampMs: 1_000) }
    var batch = try builder.build().message
    batch.producerID = producerID
    batch.producerEpoch = epoch
    batch.baseSequence = UInt32(numbers.lowerBound)
    return batch
  }
}

/// What a record's value says of itself.
struct FuzzKillRecordName {
  let topic: Substring
  let partition: UInt32
  let producer: Int
  let number: Int

  /// Nil where it is none of ours.
  init?(_ value: ByteBuffer?) {
    guard let value else { return nil }
    let words = String(buffer: value).split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
    guard words.count == 5, let partition = UInt32(words[1]), let producer = Int(words[2]), let number = Int(words[3])
    else { return nil }
    topic = words[0]
    self.partition = partition
    self.producer = producer
    self.number = number
  }
}
