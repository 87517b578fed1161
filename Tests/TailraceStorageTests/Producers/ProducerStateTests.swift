import TailraceTestSupport
import TailraceWire
import Testing

@testable import TailraceStorage

@Suite struct ProducerStateTests {
  /// The header of a batch as it is appended; by default each offset is a sequence.
  private func header(
    producer: Int64 = 7, epoch: UInt32 = 0, sequence: UInt32, records: UInt32 = 1, at offset: Int64? = nil,
    timeMs: Int64 = 1_000
  ) throws -> RecordBatchHeader {
    var header = try batch(["x"], producer: producer, epoch: epoch, sequence: sequence).header
    header.recordCount = records
    header.lastOffsetDelta = records - 1
    header.baseOffset = Offset(offset ?? Int64(sequence))
    header.appendTimestampMs = timeMs
    return header
  }

  private func refusal(_ verdict: ProducerState.Verdict) -> StorageError.Kind? {
    if case .refused(let error) = verdict { error.kind } else { nil }
  }

  private func offset(_ verdict: ProducerState.Verdict) -> Int64? {
    if case .duplicate(let batch, _) = verdict { batch.baseOffset.rawValue } else { nil }
  }

  @Test func `an unknown producer begins with sequence 0`() throws {
    let state = ProducerState()
    #expect(state.check(try header(sequence: 0)) == .next)
    #expect(refusal(state.check(try header(sequence: 1))) == .unknownProducer)
    #expect(refusal(state.check(try header(sequence: ProducerState.maxSequence))) == .unknownProducer)
  }

  @Test func `batches without a producer always come next and are not remembered`() throws {
    var state = ProducerState()
    let plain = try batch(["a"]).header
    state.note(plain)
    #expect(state.check(plain) == .next)
    #expect(state.isEmpty)
  }

  @Test func `what comes next is appended, a gap is refused with what is missing`() throws {
    var state = ProducerState()
    state.note(try header(sequence: 0, records: 10))
    #expect(state.check(try header(sequence: 10)) == .next)
    for sequence in [UInt32(5), 9, 11, 1_000] {
      guard case .refused(let error) = state.check(try header(sequence: sequence)) else {
        Issue.record("sequence \(sequence) was taken")
        continue
      }
      #expect(error.kind == .outOfOrderSequence)
      #expect(error.message.hasPrefix("producer 7 sent sequence \(sequence) in epoch 0: 10 comes next"))
    }
  }

  @Test func `a repeat of one of the last five batches is known by where it went`() throws {
    var state = ProducerState()
    for index in 0..<UInt32(7) {
      state.note(try header(sequence: 3 * index, records: 3, at: 100 + 10 * Int64(index), timeMs: 5_000 + Int64(index)))
    }
    for index in 0..<UInt32(2) {
      #expect(refusal(state.check(try header(sequence: 3 * index, records: 3))) == .outOfOrderSequence)
    }
    for index in 2..<UInt32(7) {
      let first = 100 + 10 * Int64(index)
      let known = AppendedBatch(baseOffset: Offset(first), appendTimestampMs: 5_000 + Int64(index))
      #expect(
        state.check(try header(sequence: 3 * index, records: 3)) == .duplicate(known, nextOffset: Offset(first + 3)))
    }
    // Another batch that begins with the same record is none of them.
    #expect(refusal(state.check(try header(sequence: 18, records: 2))) == .outOfOrderSequence)
    #expect(state.check(try header(sequence: 21)) == .next)
  }

  @Test func `an older epoch is fenced, a newer one begins with sequence 0 and is all that is remembered`() throws {
    var state = ProducerState()
    state.note(try header(epoch: 4, sequence: 0, records: 3))
    #expect(refusal(state.check(try header(epoch: 3, sequence: 0))) == .producerFenced)
    #expect(refusal(state.check(try header(epoch: 3, sequence: 3))) == .producerFenced)
    #expect(refusal(state.check(try header(epoch: 5, sequence: 3))) == .outOfOrderSequence)
    #expect(state.check(try header(epoch: 5, sequence: 0, records: 3)) == .next)
    state.note(try header(epoch: 5, sequence: 0, at: 3))
    #expect(refusal(state.check(try header(epoch: 4, sequence: 0, records: 3))) == .producerFenced)
    #expect(offset(state.check(try header(epoch: 5, sequence: 0))) == 3)
    #expect(state.check(try header(epoch: 5, sequence: 1)) == .next)
  }

  @Test func `after sequence 2147483647 comes 0, also within a batch`() throws {
    var state = ProducerState()
    state.note(try header(sequence: ProducerState.maxSequence - 4, records: 5, at: 0))
    #expect(state.check(try header(sequence: 0)) == .next)
    #expect(refusal(state.check(try header(sequence: 1))) == .outOfOrderSequence)
    state = ProducerState()
    let wrapped = try header(sequence: ProducerState.maxSequence - 1, records: 5, at: 0)
    state.note(wrapped)
    #expect(refusal(state.check(try header(sequence: 0))) == .outOfOrderSequence)
    #expect(state.check(try header(sequence: 3)) == .next)
    #expect(offset(state.check(wrapped)) == 0)
    state.note(try header(sequence: 3, at: 5))
    #expect(offset(state.check(wrapped)) == 0)
  }

  @Test func `what compaction left of a batch counts as the whole`() throws {
    var state = ProducerState()
    var compacted = try header(sequence: 0, records: 10)
    compacted.recordCount = 2
    state.note(compacted)
    #expect(state.check(try header(sequence: 10)) == .next)
    #expect(offset(state.check(try header(sequence: 0, records: 10))) == 0)
  }

  @Test func `a batch that is noted again changes nothing`() throws {
    var state = ProducerState()
    for index in 0..<UInt32(4) { state.note(try header(sequence: index)) }
    state.note(try header(epoch: 1, sequence: 0, at: 4))
    let before = state
    for index in 0..<UInt32(4) { state.note(try header(sequence: index)) }
    state.note(try header(epoch: 1, sequence: 0, at: 4))
    #expect(state == before)
  }

  @Test func `producers that wrote nothing for long are forgotten`() throws {
    var state = ProducerState()
    state.note(try header(producer: 1, sequence: 0, at: 0, timeMs: 1_000))
    state.note(try header(producer: 2, sequence: 0, at: 1, timeMs: 2_000))
    state.note(try header(producer: 3, sequence: 0, at: 2, timeMs: 3_000))
    state.note(try header(producer: 1, sequence: 1, at: 3, timeMs: 4_000))
    state.expire(before: 2_000)
    #expect(state.entries.map(\.producerID) == [1, 2, 3])
    state.expire(before: 2_001)
    #expect(state.entries.map(\.producerID) == [1, 3])
    #expect(refusal(state.check(try header(producer: 2, sequence: 1))) == .unknownProducer)
  }

  @Test func `past the bound the longest idle are forgotten first`() throws {
    var state = ProducerState(maxProducers: 16)
    for id in Int64(1)...18 { state.note(try header(producer: id, sequence: 0, at: id)) }
    #expect(state.count == 18)
    state.note(try header(producer: 1, sequence: 1, at: 100))
    state.note(try header(producer: 19, sequence: 0, at: 101))
    #expect(state.entries.map(\.producerID) == [1] + Array(5...19))
  }

  @Test func `what is stored is what was remembered`() throws {
    var generator = SeededGenerator(for: "ProducerStateTests")
    var state = ProducerState()
    var next: [Int64: UInt32] = [:]
    for offset in 0..<Int64(1_000) {
      let id = Int64.random(in: 1...50, using: &generator)
      state.note(try header(producer: id, sequence: next[id, default: 0], at: offset, timeMs: offset))
      next[id, default: 0] += 1
    }
    let entries = try state.entries.map { try ProducerEntry(decoding: try $0.encoded()) }
    #expect(ProducerState(entries) == state, "seed \(generator.seed)")
  }

  @Test func `what makes no sense is not taken for what was remembered`() throws {
    let batch = ProducerBatch(baseSequence: 0, lastSequence: 1, baseOffset: 4, lastOffset: 5, appendTimestampMs: 9)
    let sound = ProducerEntry(producerID: 7, producerEpoch: 0, batches: [batch])
    #expect(ProducerState([sound])?.count == 1)
    let faults: [(inout ProducerEntry) -> Void] = [
      { $0.producerID = 0 }, { $0.producerID = -1 }, { $0.batches = [] },
      { $0.batches = Array(repeating: batch, count: 2) },
      { entry in entry.batches = (0..<6).map { ProducerBatch(baseOffset: $0, lastOffset: $0) } },
      { $0.batches[0].baseSequence = 1 << 31 }, { $0.batches[0].lastSequence = .max },
      { $0.batches[0].baseOffset = -1 }, { $0.batches[0].lastOffset = 3 }, { $0.batches[0].lastOffset = .max },
    ]
    for (index, fault) in faults.enumerated() {
      var entry = sound
      fault(&entry)
      #expect(ProducerState([entry]) == nil, "fault \(index)")
    }
    #expect(ProducerState([sound, sound]) == nil)
  }

  @Test func `pending batches follow what is remembered, and are nothing once they are thrown away`() throws {
    var state = ProducerState()
    state.note(try header(sequence: 0))
    var pending = PendingProducers()
    for sequence in UInt32(1)...8 {
      #expect(pending.check(try header(sequence: sequence), after: state) == .next)
      pending.note(try header(sequence: sequence), after: state)
    }
    #expect(offset(pending.check(try header(sequence: 5), after: state)) == 5)
    #expect(refusal(pending.check(try header(sequence: 0), after: state)) == .outOfOrderSequence)
    #expect(pending.check(try header(producer: 8, sequence: 0), after: state) == .next)
    #expect(offset(PendingProducers().check(try header(sequence: 0), after: state)) == 0)
    #expect(PendingProducers().check(try header(sequence: 1), after: state) == .next)
  }
}
