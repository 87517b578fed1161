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

  /// Makes room for what comes before the batches, and a few of those.
  static func begin(_ answer: inout ByteBuffer) {
    answer.reserveCapacity(2 * headroomBytes)
    answer.moveWriterIndex(to: headroomBytes)
    answer.moveReaderIndex(to: headroomBytes)
  }

  /// Puts in front of `answer`'s readable bytes what comes before them, and before those in `result`.
  static func complete(_ answer: inout ByteBuffer, _ result: ReadResult, topic: Topic, partition: UInt32) {
    let (bounds, name) = (result.bounds, topic.fetchedFields)
    var numbers = ShortMessage()
    numbers.appendField(3 << 3, UInt64(partition))
    numbers.appendField(5 << 3, UInt64(bitPattern: bounds.highWatermark.rawValue))
    numbers.appendField(6 << 3, UInt64(bitPattern: bounds.logStart.rawValue))
    numbers.appendField(7 << 3, UInt64(bounds.partitionEpoch))
    var front = ShortMessage()
    front.appendField(1 << 3 | 2, UInt64(name.count + numbers.count + result.byteCount))
    answer.moveReaderIndex(to: answer.readerIndex - front.count - name.count - numbers.count)
    answer.withUnsafeMutableReadableBytes { memory in
      front.withUnsafeBytes { memory.copyMemory(from: $0) }
      UnsafeMutableRawBufferPointer(rebasing: memory[front.count...]).copyBytes(from: name)
      numbers.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: memory[(front.count + name.count)...]).copyMemory(from: $0)
      }
    }
  }
}

extension Topic {
  /// Of a FetchedPartition, topic and topic_id.
  static func fetchedFields(name: TopicName, id: TopicID) -> [UInt8] {
    var fields = ByteBuffer()
    fields.writeInteger(1 << 3 | 2 as UInt8)
    fields.writeVarint(UInt64(name.text.utf8.count))
    fields.writeString(name.text)
    fields.writeInteger(2 << 3 | 2 as UInt8)
    fields.writeVarint(UInt64(TopicID.byteCount))
    fields.writeTopicID(id)
    return Array(fields.readableBytesView)
  }
}
