internal import Logging

/// What a `ConsumerMachine` wants done.
enum ConsumerStep: Sendable {
  /// Get a connection, and tell of it.
  case connect
  /// Make a call, and tell of its answer under this number.
  case call(UInt64, ConsumerCall)
  /// Nobody waits for the answer any more.
  case cancel(UInt64)
  /// Hand out what will be fetched of a partition.
  case open(TopicPartition, ReadPosition)
  case deliver(TopicPartition, [FetchedBatch], highWatermark: Int64)
  /// Hand out an error behind what was fetched.
  case fail(TopicPartition, TailraceError)
  /// Hand out nothing more, and tell when nobody is at work on them.
  case revoke([TopicPartition])
  /// Forget them.
  case close([TopicPartition])
  /// Hand out what lies elsewhere, and tell where that is.
  case reset(TopicPartition, DeliveryState.Destination)
  /// Call back, and tell when that has returned.
  case notify(UInt64, PartitionNotice, [TopicPartition])
  /// Somebody's request is done.
  case answer(UInt64, Result<Void, TailraceError>)
  /// Hand out nothing any more; everybody who asks is told so, or the error.
  case finish(TailraceError?)
  case log(Logger.Level, String)
}

/// What users are called back for.
enum PartitionNotice: Hashable, Sendable {
  case assigned
  case revoked
  case lost
}
