package import TailraceWire

/// Where to read.
package struct ReadTarget: Sendable, Hashable {
  package var partition: PartitionID
  /// The first offset wanted; the first batch may begin below.
  package var offset: Offset
  /// Of this partition. The first batch of the whole read comes even if it is larger.
  package var maxBytes: Int
  /// The partition epoch that the reader saw last.
  package var lastEpoch: UInt32?

  package init(partition: PartitionID, offset: Offset, maxBytes: Int, lastEpoch: UInt32? = nil) {
    self.partition = partition
    self.offset = offset
    self.maxBytes = maxBytes
    self.lastEpoch = lastEpoch
  }
}

/// In what form data is wanted.
package enum ReadForm: Sendable, Hashable {
  /// Whatever is quickest to send.
  case chunks
  /// In memory, to be looked into.
  case bytes
}

/// What was read from one target.
package enum ReadOutcome: Sendable {
  case read(ReadResult)
  case failed(StorageError, bounds: PartitionBounds?)
}

/// Whole batches, possibly none, and where the partition stands.
package struct ReadResult: Sendable {
  /// The batches' bytes as they lie in the log; in form `.bytes` all are `.bytes`.
  package var chunks: [Chunk]
  package var byteCount: Int
  package var bounds: PartitionBounds
  /// Whether there is more to read behind these: the bounds of the read ended it, or the store gives the rest to the next.
  package var hasMore: Bool

  package init(chunks: [Chunk], byteCount: Int, bounds: PartitionBounds, hasMore: Bool = false) {
    self.chunks = chunks
    self.byteCount = byteCount
    self.bounds = bounds
    self.hasMore = hasMore
  }
}

/// A partition's offsets at one moment.
package struct PartitionBounds: Sendable, Hashable {
  /// The lowest offset that is there.
  package var logStart: Offset
  /// End of what may be read, exclusive.
  package var highWatermark: Offset
  /// End of what is fsynced, exclusive.
  package var durableEnd: Offset
  /// End of what is written, exclusive.
  package var logEnd: Offset
  package var partitionEpoch: UInt32

  package init(
    logStart: Offset, highWatermark: Offset, durableEnd: Offset, logEnd: Offset, partitionEpoch: UInt32
  ) {
    self.logStart = logStart
    self.highWatermark = highWatermark
    self.durableEnd = durableEnd
    self.logEnd = logEnd
    self.partitionEpoch = partitionEpoch
  }
}

/// A partition's figures, for people.
package struct PartitionFigures: Sendable, Hashable {
  package var bounds: PartitionBounds
  package var sizeBytes: UInt64
  package var segmentCount: Int
  /// What is wrong with it; nil where nothing is.
  package var fault: StorageError?

  package init(bounds: PartitionBounds, sizeBytes: UInt64, segmentCount: Int, fault: StorageError?) {
    self.bounds = bounds
    self.sizeBytes = sizeBytes
    self.segmentCount = segmentCount
    self.fault = fault
  }
}

/// An offset found by its time.
package struct TimestampedOffset: Sendable, Hashable {
  package var offset: Offset
  /// Of that record, milliseconds since 1970.
  package var timestampMs: Int64

  package init(offset: Offset, timestampMs: Int64) {
    self.offset = offset
    self.timestampMs = timestampMs
  }
}

/// A place in a partition's queue of waiters, to be taken back with `LogStore.cancel`.
package struct AdvanceWaiter: Sendable, Hashable {
  package let partition: PartitionID
  package let number: UInt64

  package init(partition: PartitionID, number: UInt64) {
    self.partition = partition
    self.number = number
  }
}
