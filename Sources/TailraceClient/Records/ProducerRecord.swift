public import NIOCore

/// A record to be sent.
public struct ProducerRecord: Hashable, Sendable {
  /// Records of one key go to one partition, in order. Absent: any partition.
  public var key: ByteBuffer?
  /// Absent: a tombstone, which on a compacted topic removes the key.
  public var value: ByteBuffer?
  /// At most 256.
  public var headers: [RecordHeader]
  /// Milliseconds since 1970; nil: now, or for a record that joins others in a batch the time of the machine's last tick,
  /// up to 10 ms before.
  public var timestampMs: Int64?
  /// Where to; nil: the producer's partitioner decides.
  public var partition: Int?

  /// A record of these. Inlined: one is made for each that is sent.
  @inlinable public init(
    key: ByteBuffer? = nil, value: ByteBuffer?, headers: [RecordHeader] = [], timestampMs: Int64? = nil,
    partition: Int? = nil
  ) {
    self.key = key
    self.value = value
    self.headers = headers
    self.timestampMs = timestampMs
    self.partition = partition
  }

  /// A record of text.
  public init(key: String? = nil, value: String, headers: [RecordHeader] = []) {
    self.init(key: key.map { ByteBuffer(string: $0) }, value: ByteBuffer(string: value), headers: headers)
  }
}

/// Where a record was stored.
public struct RecordMetadata: Hashable, Sendable {
  /// The topic's name.
  public var topic: String
  /// Counted from 0.
  public var partition: Int
  /// The record's place in its partition.
  public var offset: Int64

  /// The place `offset` of a partition.
  public init(topic: String, partition: Int, offset: Int64) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }
}
