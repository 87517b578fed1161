package import TailraceWire

/// Batches that are checked, but not written yet, on top of what a partition remembers of its producers: so several
/// batches of a producer can be written with one call. Those that are written are noted in the `ProducerState`; then, or
/// where the write failed, this is thrown away.
package struct PendingProducers: Sendable {
  /// By id: what would be remembered.
  private var entries: [Int64: ProducerEntry] = [:]

  package init() {}

  /// As `ProducerState.check`. A duplicate with a `nextOffset` past the log's end is of a batch that is pending itself:
  /// whether it was appended is not known before that is written.
  package func check(_ header: RecordBatchHeader, after state: ProducerState) -> ProducerState.Verdict {
    guard header.producerID != 0, let entry = entries[header.producerID] else { return state.check(header) }
    return ProducerState.check(header, after: entry)
  }

  /// Takes in a batch that will be written, with the offsets and the append time that it was given.
  package mutating func note(_ header: RecordBatchHeader, after state: ProducerState) {
    guard header.producerID != 0 else { return }
    var entry = entries.removeValue(forKey: header.producerID) ?? state.entry(of: header.producerID)
    ProducerState.note(header, in: &entry)
    entries[header.producerID] = entry
  }
}
