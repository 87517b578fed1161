internal import NIOCore
internal import TailraceWire

/// A batch that takes records in.
struct OpenBatch {
  let completion: BatchCompletion
  let openedAt: NIODeadline
  var builder: RecordSetBuilder

  /// The index of the next record.
  var count: Int { Int(builder.count) }
}

/// A batch that is full, or was sent before: it goes to the broker as it is, as often as needed.
struct SealedBatch {
  enum Phase: Equatable {
    /// Being compressed and summed up, outside the lock.
    case building
    /// To be sent.
    case ready
    case inFlight
    /// Settled; leaves the queue once it is the first.
    case done

    /// Whether it is to be sent, now or once it is built.
    var isUnsent: Bool { self == .ready || self == .building }
  }

  let completion: BatchCompletion
  /// Bytes that it takes of the producer's buffer.
  let bufferedBytes: Int
  let recordCount: Int
  /// It fails where it is not stored by then.
  let deadline: NIODeadline
  var phase: Phase
  /// There once it is built.
  var batch: ValidatedBatch?
  /// Its first record's number in the partition, under `identity`; given when it is first sent.
  var sequence: UInt32?
  /// Whether it was ever sent: then it may be stored although nobody said so.
  var wasSent = false
}

/// Who a producer is to a partition: with it the broker knows batches that are sent again.
struct ProducerIdentity: Hashable, Sendable {
  var id: Int64
  var epoch: UInt32
}
