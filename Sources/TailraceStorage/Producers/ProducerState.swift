package import TailraceWire

/// What a partition remembers of the producers that wrote to it: enough to know a batch that is sent again, to miss one
/// that never came, and to refuse those of an older epoch. A plain value, guarded by whoever holds it.
///
/// A producer numbers its records in each partition, from 0, and on to 0 again after 2^31 - 1; a batch says the number of
/// its first (`base_sequence`). Of each producer the latest epoch and its last few batches are remembered. Batches
/// without a producer id are none of its business: they always come next, and are never noted.
///
/// Numbers of records are taken from `last_offset_delta`, which compaction keeps, not from `record_count`, which it
/// lowers: so the state comes out the same from a log that was compacted since.
package struct ProducerState: Hashable, Sendable {
  /// So many batches of a producer are known when they are sent again; a producer may have as many under way.
  package static let rememberedBatches = 5
  /// Of so many producers at least something is remembered, where nothing else is said.
  package static let defaultMaxProducers = 10_000
  /// After this sequence comes 0.
  package static let maxSequence = UInt32(Int32.max)

  /// What is to become of a batch.
  package enum Verdict: Hashable, Sendable {
    /// It is to be appended.
    case next
    /// It was appended before, as this one, which ends before `nextOffset`: durable once that is.
    case duplicate(AppendedBatch, nextOffset: Offset)
    case refused(StorageError)
  }

  /// By id; each has at least one batch.
  private var producers: [Int64: ProducerEntry] = [:]
  private let maxProducers: Int

  /// Knows nobody. When there are an eighth more producers than `maxProducers`, the longest idle above it are forgotten.
  package init(maxProducers: Int = Self.defaultMaxProducers) { self.maxProducers = max(1, maxProducers) }

  package var isEmpty: Bool { producers.isEmpty }

  /// How many producers something is remembered of.
  package var count: Int { producers.count }

  func entry(of producer: Int64) -> ProducerEntry? { producers[producer] }

  /// What is to become of a batch with this header, of which offsets and append time do not matter. Refused as
  /// `.outOfOrderSequence`, `.producerFenced` or `.unknownProducer`.
  package func check(_ header: RecordBatchHeader) -> Verdict {
    header.producerID == 0 ? .next : Self.check(header, after: producers[header.producerID])
  }

  /// Takes in an appended batch, with the offsets and the append time that it was given. What is known already, as by a
  /// replay from below the end, is left as it is.
  package mutating func note(_ header: RecordBatchHeader) {
    guard header.producerID != 0 else { return }
    Self.note(header, in: &producers[header.producerID])
    forgetLongestIdle()
  }

  /// Forgets the producers whose last batch was appended before `timeMs` (milliseconds since 1970, by the broker's
  /// clock).
  package mutating func expire(before timeMs: Int64) {
    // Most times nobody has expired: then nothing is built anew.
    guard producers.values.contains(where: { $0.lastAppendMs < timeMs }) else { return }
    producers = producers.filter { $0.value.lastAppendMs >= timeMs }
  }

  private mutating func forgetLongestIdle() {
    guard producers.count > maxProducers + maxProducers / 8 else { return }
    let idle = producers.values.sorted { $0.lastOffset < $1.lastOffset }
    for entry in idle.prefix(producers.count - maxProducers) { producers[entry.producerID] = nil }
  }
}

// MARK: - One producer

extension ProducerState {
  /// What is to become of a batch after what is remembered of its producer; nil: nothing.
  static func check(_ header: RecordBatchHeader, after entry: ProducerEntry?) -> Verdict {
    guard let entry, let last = entry.batches.last else {
      guard header.baseSequence != 0 else { return .next }
      return refused(.unknownProducer, header, "nothing is remembered of it here, so sequence 0 comes first")
    }
    guard header.producerEpoch == entry.producerEpoch else {
      guard header.producerEpoch > entry.producerEpoch else {
        return refused(.producerFenced, header, "epoch \(entry.producerEpoch) has taken over")
      }
      guard header.baseSequence != 0 else { return .next }
      return refused(.outOfOrderSequence, header, "an epoch begins with sequence 0")
    }
    if let known = entry.batches.last(where: {
      $0.baseSequence == header.baseSequence && $0.lastSequence == header.lastSequence
    }) {
      return .duplicate(
        AppendedBatch(baseOffset: Offset(known.baseOffset), appendTimestampMs: known.appendTimestampMs),
        nextOffset: Offset(known.lastOffset + 1))
    }
    let expected = sequence(last.lastSequence, plus: 1)
    guard header.baseSequence != expected else { return .next }
    return refused(
      .outOfOrderSequence, header,
      "\(expected) comes next, and it is none of the last \(entry.batches.count) batches that are remembered")
  }

  static func note(_ header: RecordBatchHeader, in entry: inout ProducerEntry?) {
    let batch = ProducerBatch(
      baseSequence: header.baseSequence, lastSequence: header.lastSequence, baseOffset: header.baseOffset.rawValue,
      lastOffset: header.baseOffset.rawValue + Int64(header.lastOffsetDelta),
      appendTimestampMs: header.appendTimestampMs)
    guard let known = entry, known.producerEpoch == header.producerEpoch else {
      guard entry.map({ $0.lastOffset < batch.baseOffset }) ?? true else { return }
      entry = ProducerEntry(producerID: header.producerID, producerEpoch: header.producerEpoch, batches: [batch])
      return
    }
    guard known.lastOffset < batch.baseOffset else { return }
    if known.batches.count >= rememberedBatches { entry?.batches.removeFirst() }
    entry?.batches.append(batch)
  }

  /// The sequence `count` places on.
  static func sequence(_ sequence: UInt32, plus count: UInt32) -> UInt32 {
    (sequence &+ count) & maxSequence
  }

  private static func refused(_ kind: StorageError.Kind, _ header: RecordBatchHeader, _ why: String) -> Verdict {
    .refused(
      StorageError(
        kind,
        "producer \(header.producerID) sent sequence \(header.baseSequence) in epoch \(header.producerEpoch): \(why)"))
  }
}

extension RecordBatchHeader {
  /// The producer's number of the last record.
  fileprivate var lastSequence: UInt32 { ProducerState.sequence(baseSequence, plus: lastOffsetDelta) }
}

extension ProducerEntry {
  /// Of the last batch's last record; -1 without a batch.
  fileprivate var lastOffset: Int64 { batches.last?.lastOffset ?? -1 }

  /// When the last batch was appended, milliseconds since 1970.
  fileprivate var lastAppendMs: Int64 { batches.last?.appendTimestampMs ?? 0 }
}

// MARK: - As it is stored

extension ProducerState {
  /// All that is remembered, by id.
  package var entries: [ProducerEntry] { producers.values.sorted { $0.producerID < $1.producerID } }

  /// What was remembered. Nil where it makes no sense: it comes from a disk.
  package init?(_ entries: [ProducerEntry], maxProducers: Int = Self.defaultMaxProducers) {
    self.init(maxProducers: maxProducers)
    for entry in entries {
      guard entry.isSound, producers.updateValue(entry, forKey: entry.producerID) == nil else { return nil }
    }
    forgetLongestIdle()
  }
}

extension ProducerEntry {
  fileprivate var isSound: Bool {
    guard producerID > 0, (1...ProducerState.rememberedBatches).contains(batches.count) else { return false }
    var end: Int64 = 0
    for batch in batches {
      guard batch.baseOffset >= end, batch.lastOffset >= batch.baseOffset, batch.lastOffset < Int64.max,
        batch.baseSequence <= ProducerState.maxSequence, batch.lastSequence <= ProducerState.maxSequence
      else { return false }
      end = batch.lastOffset + 1
    }
    return true
  }
}
