package import NIOCore

/// A ProduceRequest with one target that holds one batch, as `SingleProduce` reads it: all of it but the batch's records,
/// with which the message ends. So they are sent from where they lie.
package enum SingleProduceRequest {
  /// What stands before the batch's records, `records.readableBytes` of which must follow.
  package static func prefix(
    acks: Acks, topic: String, partition: UInt32, header: RecordBatchHeader
  ) -> ByteBuffer {
    let recordsLength = UInt64(header.recordsLength)
    // Tags and values of the fields below, and the start of `records`.
    let batchBytes = batchFieldsByteCount + 2 + Varint.byteCount(recordsLength)
    let topicBytes = topic.utf8.count
    let targetStart = 1 + Varint.byteCount(UInt64(topicBytes)) + topicBytes + 1 + Varint.byteCount(UInt64(partition))
    let batchLength = UInt64(batchBytes) + recordsLength
    let targetLength = UInt64(targetStart + 1 + Varint.byteCount(batchLength)) + batchLength
    var message = ByteBuffer()
    message.reserveCapacity(targetStart + batchBytes + 24)
    if acks.rawValue != 0 {
      message.writeInteger(0x08 as UInt8)
      message.writeVarint(UInt64(UInt32(bitPattern: acks.rawValue)))
    }
    message.writeInteger(0x12 as UInt8)
    message.writeVarint(targetLength)
    message.writeInteger(0x0A as UInt8)
    message.writeVarint(UInt64(topicBytes))
    message.writeString(topic)
    message.writeInteger(0x18 as UInt8)
    message.writeVarint(UInt64(partition))
    message.writeInteger(0x2A as UInt8)
    message.writeVarint(batchLength)
    write(header, to: &message)
    message.writeMultipleIntegers(0x8A as UInt8, 0x01 as UInt8)
    message.writeVarint(recordsLength)
    return message
  }

  /// Five fields of 1 + 4 bytes and three of 1 + 8, and records_crc32c.
  private static let batchFieldsByteCount = 6 * 5 + 3 * 9

  private static func write(_ header: RecordBatchHeader, to message: inout ByteBuffer) {
    func put(_ tag: UInt8, _ value: UInt32) { message.writeMultipleIntegers(tag, value, endianness: .little) }
    func put(_ tag: UInt8, _ value: Int64) { message.writeMultipleIntegers(tag, value, endianness: .little) }
    put(0x1D, header.recordCount)
    put(0x25, header.lastOffsetDelta)
    put(0x31, header.baseTimestampMs)
    put(0x39, header.maxTimestampMs)
    put(0x4D, header.attributes.rawValue)
    put(0x51, header.producerID)
    put(0x5D, header.producerEpoch)
    put(0x65, header.baseSequence)
    put(0x7D, header.recordsCRC32C)
  }
}
