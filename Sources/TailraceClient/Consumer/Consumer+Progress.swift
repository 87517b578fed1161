internal import TailraceWire

// What the tool goes by, which says of parts of a batch when they are done with, and when all is read.
extension Consumer {
  /// Counts what lies before these offsets as processed; in automatic mode it is committed with the rest.
  package func markProcessed(_ offsets: [TopicPartition: Int64]) {
    engine.queue.update { $0.markProcessed(offsets.mapValues { ReadPosition(offset: $0, epoch: nil) }) }
  }

  /// Before which offset all is processed, of each partition that is not let go yet.
  package var processed: [TopicPartition: Int64] { engine.queue.look { $0.processed.mapValues(\.offset) } }

  /// Whether it is a member that reads all that it was given, and lets nothing go.
  package var readsItsShare: Bool {
    get async { await engine.readsItsShare }
  }

  /// Once it is closed: whether anything that was processed could not be committed.
  package var leftUncommitted: Bool {
    get async { await engine.hasUncommitted }
  }
}
