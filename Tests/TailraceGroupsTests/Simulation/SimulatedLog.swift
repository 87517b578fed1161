import NIOCore
import TailraceGroups
import TailraceTestSupport
import TailraceWire

/// The log below a simulated coordinator: appends become durable later and in order, a crash tears off what is not, and
/// compaction leaves the latest record of each key.
struct SimulatedLog<Reply> {
  typealias Entry = (key: String, value: ByteBuffer?)

  private struct Append {
    let entries: [Entry]
    let replies: [Reply]
  }

  private var durable: [Entry] = []
  private var pending: [Append] = []
  /// The latest value of each key, durable or not.
  private(set) var latest: [GroupRecordKey: GroupRecordValue] = [:]

  /// Takes in an outcome's records; what may be delivered at once is returned.
  mutating func append(_ records: [GroupLogRecord], _ replies: [Reply]) throws -> [Reply] {
    for record in records { latest[record.key] = record.value }
    if records.isEmpty, pending.isEmpty { return replies }
    pending.append(
      Append(entries: try records.map { ($0.key.text, try $0.value?.encoded()) }, replies: replies))
    return []
  }

  var hasPending: Bool { !pending.isEmpty }

  /// The first `count` appends become durable; their replies may be delivered.
  mutating func flush(_ count: Int) -> [Reply] {
    let done = pending.prefix(count)
    pending.removeFirst(done.count)
    for append in done { durable += append.entries }
    return done.flatMap(\.replies)
  }

  /// What is not durable is gone, but for a first part of it; no reply is ever delivered.
  mutating func crash(using random: inout SeededGenerator) {
    let entries = pending.flatMap(\.entries)
    durable += entries.prefix(random.below(entries.count + 1))
    pending = []
  }

  /// A crash never changes what is durable, so after it this is what was replayed.
  mutating func restart(from records: [GroupLogRecord]) {
    latest = [:]
    for record in records { latest[record.key] = record.value }
  }

  /// Only the latest record of each key stays, at its place; of tombstones perhaps not even that.
  mutating func compact(droppingTombstones: Bool) { durable = Self.compacted(durable, droppingTombstones) }

  private static func compacted(_ entries: [Entry], _ droppingTombstones: Bool) -> [Entry] {
    var last: [String: Int] = [:]
    for (place, entry) in entries.enumerated() { last[entry.key] = place }
    return entries.enumerated().filter { place, entry in
      last[entry.key] == place && !(droppingTombstones && entry.value == nil)
    }.map(\.element)
  }

  /// The durable offsets.
  func offsets() throws -> [PartitionID: Int64] {
    var offsets: [PartitionID: Int64] = [:]
    for (text, value) in durable {
      guard case .offset(_, let partition) = GroupRecordKey(text) else { continue }
      offsets[partition] = try value.map { try CommittedOffsetRecord(decoding: $0).offset }
    }
    return offsets
  }

  /// The durable records; or all, or all compacted and shuffled.
  enum Form { case durable, all, shuffled }

  func replay(_ form: Form, into group: inout Group, using random: inout SeededGenerator) throws {
    var entries = durable
    if form != .durable { entries += pending.flatMap(\.entries) }
    if form == .shuffled { entries = Self.compacted(entries, random.below(2) == 0).shuffled(using: &random) }
    for (text, value) in entries {
      guard let key = GroupRecordKey(text), key.group == group.id else { throw SimulationFailure("no key: \(text)") }
      try group.replay(key, value)
    }
  }
}

/// What went wrong in a simulation.
struct SimulationFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
