internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// The response to a fetch of one partition, written around the bytes that a store put into a buffer: the same bytes as
/// `FetchResponseBuilder` gives.
///
/// | bytes | content |
/// |---|---|
/// | 0 | tag of FetchResponse.partitions |
/// | 1 to 10 | varint: length of what follows |
/// | as many as it takes | topic, topic_id, partition, high_watermark, log_start_offset, partition_epoch; none that is 0 |
/// | the rest | batches, as they lie in the log |
struct SingleFetchResponse {
  /// What is in front of the batches takes less than this: a name of 200 bytes, and 90 for the rest.
  static let headroomBytes = 512
  private static let buffers = BufferPool()

  /// Makes room for what comes before the batches, and a few of those.
  static func begin(_ answer: inout ByteBuffer) {
    answer.reserveCapacity(2 * headroomBytes)
    answer.moveWriterIndex(to: headroomBytes)
    answer.moveReaderIndex(to: headroomBytes)
  }

  /// Puts in front of `answer`'s readable bytes what comes before them, and before those in `result`.
  static func complete(_ answer: inout ByteBuffer, _ result: ReadResult, topic: Topic, partition: UInt32) {
    buffers.withBuffer { fields in
      let (name, bounds) = (topic.name.text, result.bounds)
      fields.writeVarintField(1, UInt64(name.utf8.count), type: 2)
      fields.writeString(name)
      fields.writeVarintField(2, UInt64(TopicID.byteCount), type: 2)
      fields.writeTopicID(topic.id)
      fields.writeVarintField(3, UInt64(partition))
      fields.writeVarintField(5, UInt64(bitPattern: bounds.highWatermark.rawValue))
      fields.writeVarintField(6, UInt64(bitPattern: bounds.logStart.rawValue))
      fields.writeVarintField(7, UInt64(bounds.partitionEpoch))
      buffers.withBuffer { front in
        front.writeVarintField(1, UInt64(fields.readableBytes + result.byteCount), type: 2)
        let start = answer.readerIndex - fields.readableBytes - front.readableBytes
        answer.setBuffer(front, at: start)
        answer.setBuffer(fields, at: start + front.readableBytes)
        answer.moveReaderIndex(to: start)
      }
    }
  }
}

extension ByteBuffer {
  /// Writes a field's tag and a varint: its value, or the length of what follows (`type` 2). A value of 0 is left out.
  fileprivate mutating func writeVarintField(_ number: UInt8, _ value: UInt64, type: UInt8 = 0) {
    if value == 0 { return }
    writeInteger(number << 3 | type)
    writeVarint(value)
  }
}
