internal import NIOCore
internal import TailraceWire

/// Chooses the partition of a record.
public protocol Partitioner: Sendable {
  /// The partition of `record`, from 0 up to `partitionCount`, exclusive; nil: any, and the producer fills one batch
  /// after another. Called for each record without a partition of its own, again for one that had to wait, while the
  /// producer's lock is held: it must neither block nor use the producer. A number out of range fails the record with
  /// UNKNOWN_PARTITION.
  func partition(of record: ProducerRecord, topic: String, partitionCount: Int) -> Int?
}

/// The default: by the key's hash (murmur2, as all clients of this broker and Kafka's Java client have it), any partition
/// without a key. An empty key is a key.
public struct KeyHashPartitioner: Partitioner {
  /// A partitioner of this kind.
  public init() {}

  /// By the key's hash; nil without a key.
  public func partition(of record: ProducerRecord, topic: String, partitionCount: Int) -> Int? {
    guard let key = record.key, let count = UInt32(exactly: partitionCount), count > 0 else { return nil }
    return key.withUnsafeReadableBytes { Int(MurmurHash2.partition(of: $0, partitionCount: count)) }
  }
}
