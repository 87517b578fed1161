package import TailraceWire

/// Batches to append as one unit of durability.
package struct AppendRequest: Sendable {
  package var parts: [AppendPart]
  /// When to complete.
  package var durability: AppendDurability
  /// Takes one outcome for each part, in order.
  package var completion: @Sendable ([AppendOutcome]) -> Void

  package init(
    parts: [AppendPart], durability: AppendDurability, completion: @escaping @Sendable ([AppendOutcome]) -> Void
  ) {
    self.parts = parts
    self.durability = durability
    self.completion = completion
  }
}

/// One batch for one partition.
package struct AppendPart: Sendable {
  package var partition: PartitionID
  package var batch: ValidatedBatch

  package init(partition: PartitionID, batch: ValidatedBatch) {
    self.partition = partition
    self.batch = batch
  }
}

/// What an append waits for.
package enum AppendDurability: Sendable, Hashable {
  /// In the page cache.
  case written
  /// On disk: fsynced.
  case durable
}

/// What became of a part.
package enum AppendOutcome: Sendable, Hashable {
  case appended(AppendedBatch)
  /// Stored before, by an earlier try.
  case duplicate(AppendedBatch)
  /// Not stored, and never will be.
  case refused(StorageError)
  /// Whether it is stored is not known. Never success.
  case unknown(StorageError)
}

/// Where a batch went.
package struct AppendedBatch: Sendable, Hashable {
  package var baseOffset: Offset
  /// The broker's clock at the append, milliseconds since 1970.
  package var appendTimestampMs: Int64

  package init(baseOffset: Offset, appendTimestampMs: Int64) {
    self.baseOffset = baseOffset
    self.appendTimestampMs = appendTimestampMs
  }
}
