public import NIOCore

/// A record as it was read. Key, values and header values are slices of the batch that it came in, which they keep in
/// memory: copy what you keep for long.
public struct ConsumerRecord: Hashable, Sendable {
  /// The topic's name.
  public var topic: String
  /// Counted from 0.
  public var partition: Int
  /// Its place in the partition.
  public var offset: Int64
  /// Milliseconds since 1970: the producer's, or the broker's on topics with append time.
  public var timestampMs: Int64
  /// Absent and empty differ.
  public var key: ByteBuffer?
  /// Absent: a tombstone.
  public var value: ByteBuffer?
  /// In the producer's order.
  public var headers: [RecordHeader]

  /// A record of these, such as a test makes.
  public init(
    topic: String, partition: Int, offset: Int64, timestampMs: Int64 = 0, key: ByteBuffer? = nil,
    value: ByteBuffer? = nil, headers: [RecordHeader] = []
  ) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.timestampMs = timestampMs
    self.key = key
    self.value = value
    self.headers = headers
  }
}
