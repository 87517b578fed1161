package import TailraceWire

/// A batch to append, and who is to be told what became of it.
package struct AppendRequest: Sendable {
  package var partition: PartitionID
  package var batch: ValidatedBatch
  /// When to complete.
  package var durability: AppendDurability
  /// Called once.
  package var completion: @Sendable (AppendOutcome) -> Void

  package init(
    partition: PartitionID, batch: ValidatedBatch, durability: AppendDurability,
    completion: @escaping @Sendable (AppendOutcome) -> Void
  ) {
    self.partition = partition
    self.batch = batch
    self.durability = durability
    self.completion = completion
  }

  /// Requests whose outcomes are told together, in the order of `parts`, once all are known; without any, at once.
  package static func together(
    _ parts: [AppendPart], durability: AppendDurability, completion: @escaping @Sendable ([AppendOutcome]) -> Void
  ) -> [AppendRequest] {
    guard !parts.isEmpty else {
      completion([])
      return []
    }
    let joint = JointAppend(partCount: parts.count, completion: completion)
    return parts.enumerated().map { index, part in
      AppendRequest(partition: part.partition, batch: part.batch, durability: durability) {
        joint.resolve(part: index, $0)
      }
    }
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

/// What became of a batch.
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
