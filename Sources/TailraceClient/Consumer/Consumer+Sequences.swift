extension Consumer {
  /// Records as they come, of whatever partition has some; those of one partition in their order. Several tasks may
  /// iterate at a time: each partition is one's at a time.
  ///
  /// Ends when the consumer is closed. Fails with CANCELLED when the task is cancelled, with DATA_LOSS at a record that is
  /// damaged, and with what ended the consumer. After a failure that is about one partition another iteration goes on
  /// with the others; to go on with that one, `seek`.
  public var records: Records { Records(consumer: self) }

  /// The same, in batches: each of one partition, in order, of at most `maxBatchRecords`. A batch counts as processed when
  /// the next is asked for.
  public var batches: Batches { Batches(consumer: self) }

  /// See `Consumer.records`.
  public struct Records: AsyncSequence, Sendable {
    /// A record.
    public typealias Element = ConsumerRecord
    /// See `Consumer.records`.
    public typealias Failure = TailraceError

    fileprivate let consumer: Consumer

    /// Begins, which starts the consumer.
    public func makeAsyncIterator() -> Iterator { Iterator(consumer) }

    /// Belongs to one task.
    public struct Iterator: AsyncIteratorProtocol {
      private let consumer: Consumer
      private var cursor: LeaseCursor

      fileprivate init(_ consumer: Consumer) {
        self.consumer = consumer
        cursor = LeaseCursor(consumer.engine.queue)
        consumer.engine.post(.start)
      }

      /// The next record; nil once the consumer is closed. Does not suspend while a batch is at hand.
      public mutating func next(
        isolation actor: isolated (any Actor)? = #isolation
      ) async throws(TailraceError) -> ConsumerRecord? {
        if cursor.mayGoOn(), let record = try cursor.nextRecord() { return record }
        while try await cursor.advance() {
          if let record = try cursor.nextRecord() { return record }
        }
        return nil
      }
    }
  }

  /// See `Consumer.batches`.
  public struct Batches: AsyncSequence, Sendable {
    /// Records of one partition.
    public typealias Element = ConsumerBatch
    /// See `Consumer.records`.
    public typealias Failure = TailraceError

    fileprivate let consumer: Consumer

    /// Begins, which starts the consumer.
    public func makeAsyncIterator() -> Iterator { Iterator(consumer) }

    /// Belongs to one task.
    public struct Iterator: AsyncIteratorProtocol {
      private let consumer: Consumer
      private var cursor: LeaseCursor

      init(_ consumer: Consumer) {
        self.consumer = consumer
        cursor = LeaseCursor(consumer.engine.queue)
        consumer.engine.post(.start)
      }

      /// The next batch; nil once the consumer is closed.
      public mutating func next(
        isolation actor: isolated (any Actor)? = #isolation
      ) async throws(TailraceError) -> ConsumerBatch? {
        let count = consumer.configuration.maxBatchRecords
        if cursor.mayGoOn(), let batch = try cursor.nextBatch(count) { return batch }
        while try await cursor.advance() {
          if let batch = try cursor.nextBatch(count) { return batch }
        }
        return nil
      }
    }
  }
}
