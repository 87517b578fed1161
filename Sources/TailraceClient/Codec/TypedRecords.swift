internal import NIOCore

extension ProducerRecord {
  /// A record of typed key and value; a key or a value that is nil is absent. Fails with INVALID_RECORD, and what the
  /// codec threw as its cause.
  public init<Key: Codec, Value: Codec>(
    key: Key.Value?, as keyCodec: Key, value: Value.Value?, as valueCodec: Value, headers: [RecordHeader] = [],
    timestampMs: Int64? = nil, partition: Int? = nil
  ) throws(TailraceError) {
    self.init(
      key: try keyCodec.bytes(key, "key"), value: try valueCodec.bytes(value, "value"), headers: headers,
      timestampMs: timestampMs, partition: partition)
  }

  /// A record of a typed value without a key. Fails with INVALID_RECORD, and what the codec threw as its cause.
  public init<Value: Codec>(
    value: Value.Value?, as codec: Value, headers: [RecordHeader] = [], timestampMs: Int64? = nil,
    partition: Int? = nil
  ) throws(TailraceError) {
    self.init(
      value: try codec.bytes(value, "value"), headers: headers, timestampMs: timestampMs, partition: partition)
  }
}

extension ConsumerRecord {
  /// The key, read by `codec`; nil where the record has none. Fails with INVALID_RECORD, and what the codec threw as its
  /// cause.
  public func key<C: Codec>(as codec: C) throws(TailraceError) -> C.Value? { try decode(key, codec, "key") }

  /// The value, read by `codec`; nil where the record is a tombstone. Fails with INVALID_RECORD, and what the codec threw
  /// as its cause.
  public func value<C: Codec>(as codec: C) throws(TailraceError) -> C.Value? { try decode(value, codec, "value") }

  private func decode<C: Codec>(_ bytes: ByteBuffer?, _ codec: C, _ what: String) throws(TailraceError) -> C.Value? {
    guard let bytes else { return nil }
    do { return try codec.decode(bytes) } catch {
      throw TailraceError(
        .invalidRecord,
        "the \(what) of the record at offset \(offset) of \(TopicPartition(topic, partition)) cannot be read",
        cause: error)
    }
  }
}

extension Codec {
  fileprivate func bytes(_ value: Value?, _ what: String) throws(TailraceError) -> ByteBuffer? {
    guard let value else { return nil }
    var buffer = ByteBuffer()
    do { try encode(value, into: &buffer) } catch {
      throw TailraceError(.invalidRecord, "the \(what) cannot be encoded", cause: error)
    }
    return buffer
  }
}
