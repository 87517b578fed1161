package import NIOCore
package import TailraceWire

/// Where partitions are kept: all that the broker's handlers know of storage.
///
/// Thread-safe. Completions run at most once each, before the call returns where the answer is there already (no thread
/// hop), else later on a thread of the store; they must not block. Offsets are assigned, and repeats and fenced writers
/// are found, inside `append` and nowhere else. No file, handle or position crosses this line.
///
/// One conformance suite runs against every implementation.
package protocol LogStore: Sendable {
  /// Appends the batches in order; those that go to one partition are written together. Appends of one thread to one partition happen in the order of the calls.
  ///
  /// A batch with a producer id is checked against what that producer wrote to the partition before: a repeat of one of
  /// its last `ProducerState.rememberedBatches` batches is answered as a duplicate, under the same durability; a gap is
  /// refused (`.outOfOrderSequence`), as is an older epoch (`.producerFenced`). A producer of which nothing is
  /// remembered begins with sequence 0, else `.unknownProducer`.
  func append(_ requests: [AppendRequest], fence: Fence)

  /// Reads whole batches below the high watermark, the targets in order while `maxBytes` lasts: at least one batch in
  /// all where there is any, also when it is larger.
  func read(
    _ targets: [ReadTarget], maxBytes: Int, form: ReadForm, completion: @escaping @Sendable ([ReadOutcome]) -> Void
  )

  /// Reads one target before the call returns, where that can be done without waiting and there is nothing wrong: else
  /// nil, and `read` tells. Few bytes are appended to `buffer`, behind what is there; more come as the result's chunks.
  /// What is in `buffer` after nil is of no use.
  func readAtOnce(_ target: ReadTarget, maxBytes: Int, into buffer: inout ByteBuffer) -> ReadResult?

  /// Calls `notify` once, as soon as `partition` has readable data past `offset` (high watermark > offset), or can
  /// never have (dropped, failed, closed): ask again to learn which. Nil where that is so already; then nothing is
  /// called. `bytes`: the caller has no use for fewer new ones; it may be called before there are as many, but is not for
  /// every few.
  func awaitAdvance(
    of partition: PartitionID, past offset: Offset, bytes: Int, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter?

  /// Takes a waiter back. It may be called at the same moment.
  func cancel(_ waiter: AdvanceWaiter)

  /// The partition's offsets as they stand. The fault of one of which nothing can be read.
  func bounds(of partition: PartitionID) throws(StorageError) -> PartitionBounds

  /// The first record with a timestamp at or after `timestampMs` (milliseconds since 1970), nil where there is none
  /// below the high watermark.
  func firstOffset(
    atOrAfter timestampMs: Int64, in partition: PartitionID,
    completion: @escaping @Sendable (Result<TimestampedOffset?, StorageError>) -> Void
  )

  /// Makes partitions of a topic, empty, durably. Those that are there already are left as they are; one that was there
  /// and cannot be opened is known afterwards, with its fault: `.dataLoss` where what it held is gone. Throws where a
  /// new one cannot be made, and `.full` where one cannot be opened for now.
  func create(
    _ partitions: [PartitionID], topicName: String, config: LogConfig, fence: Fence
  ) async throws(StorageError)

  /// Takes a topic's new configuration into use on all its partitions.
  func configure(topic: TopicID, config: LogConfig, fence: Fence) async throws(StorageError)

  /// Drops all partitions of a topic. Their data is out of reach at once, and goes in the background.
  func drop(topic: TopicID, fence: Fence) async throws(StorageError)

  /// Moves a partition's log start up to `offset`, nil: up to the high watermark; durably, before the call returns. What
  /// lies below is out of reach from then on, and its space is given back as whole segments fall below. Never moves it
  /// back: an offset below the log's start changes nothing. `.offsetOutOfRange` past the high watermark. Returns the
  /// log's start.
  func deleteRecords(
    before offset: Offset?, in partition: PartitionID, fence: Fence
  ) async throws(StorageError) -> Offset

  /// Lets a producer write in `epoch`, and in no other: batches of an older one are fenced on every partition once the
  /// call returns, those of a newer one unknown. A producer that was never admitted may write in epoch 0. Kept in
  /// memory only: whoever keeps the producers' ids makes them known again after a start, before anything is appended.
  func admit(producer: Int64, epoch: UInt32, fence: Fence)

  /// Figures of a partition, for people.
  func describe(_ partition: PartitionID) async throws(StorageError) -> PartitionFigures

  /// The room that there is for data; nil where the store does not know. May ask the file system.
  func space() async -> StoreSpace?

  /// Takes no more appends, brings everything to disk, marks the store as cleanly closed. All later calls fail.
  func close() async throws(StorageError)
}

extension LogStore {
  package func readAtOnce(_ target: ReadTarget, maxBytes: Int, into buffer: inout ByteBuffer) -> ReadResult? { nil }

  package func space() async -> StoreSpace? { nil }

  /// The same for any new data.
  package func awaitAdvance(
    of partition: PartitionID, past offset: Offset, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter? {
    awaitAdvance(of: partition, past: offset, bytes: 1, notify: notify)
  }
}

/// Room on the disk that a store keeps its data on.
package struct StoreSpace: Hashable, Sendable {
  /// Bytes that may still be written, the reserve included.
  package let availableBytes: Int
  /// Bytes that are kept free: with less available, appends are refused.
  package let reserveBytes: Int
}

/// Who writes, in which epoch. A store that several brokers share refuses all but the newest; the local one has one
/// writer.
package struct Fence: Hashable, Sendable {
  package let writer: UInt64
  package let epoch: UInt64

  package init(writer: UInt64, epoch: UInt64) {
    self.writer = writer
    self.epoch = epoch
  }

  /// The only writer of a local store.
  package static let local = Fence(writer: 0, epoch: 0)
}
