/// The delivery of a record that was handed to a producer: what became of it is known now or will be. A few words in
/// size; keep it or drop it as you like. Thread-safe.
public struct Delivery: Sendable {
  let batch: BatchCompletion
  /// The record's place in its batch.
  let index: Int

  /// Where the record is going.
  public var destination: TopicPartition { TopicPartition(batch.topic, batch.partition) }

  /// Where the record was stored, as soon as that is known. Fails with why it was not; with CANCELLED where the task is
  /// cancelled, and then the record may be stored nevertheless.
  public var value: RecordMetadata {
    get async throws(TailraceError) {
      guard let outcome = await batch.wait() else {
        throw TailraceError(.cancelled, "nobody waits for the record's delivery any more; it may be stored")
      }
      return try metadata(outcome)
    }
  }

  /// What became of the record, where that is known already.
  public var result: Result<RecordMetadata, TailraceError>? {
    guard let outcome = batch.outcome else { return nil }
    do throws(TailraceError) { return .success(try metadata(outcome)) } catch { return .failure(error) }
  }

  private func metadata(_ outcome: BatchCompletion.Outcome) throws(TailraceError) -> RecordMetadata {
    let base = try outcome.get()
    // Nobody is told of offsets where acks are none.
    return RecordMetadata(topic: batch.topic, partition: batch.partition, offset: base < 0 ? -1 : base &+ Int64(index))
  }
}
