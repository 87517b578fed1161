import NIOCore
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

/// A batch as a broker returns it, of `count` records from `offset` on; their values are their numbers from 0 on, each
/// padded to `valueBytes`.
func fetchedBatch(at offset: Int64, count: Int, epoch: UInt32 = 0, valueBytes: Int = 0) throws -> RecordBatch {
  var builder = RecordSetBuilder(baseTimestampMs: 0)
  for number in 0..<count {
    let value = String("\(number)".prefix(20)) + String(repeating: ".", count: max(0, valueBytes - "\(number)".count))
    builder.append(key: nil, value: ByteBuffer(string: value), timestampMs: 0)
  }
  let built = try builder.build()
  var header = built.header
  header.baseOffset = Offset(offset)
  header.partitionEpoch = epoch
  var bytes = ByteBuffer()
  header.write(to: &bytes)
  var message = built.message
  message.formatVersion = 1
  message.baseOffset = offset
  message.partitionEpoch = epoch
  message.recordsLength = header.recordsLength
  message.headerCRC32C = try #require(bytes.getInteger(at: 107, endianness: .little, as: UInt32.self))
  return message
}

/// A partition of topic `t`, read from `offset` on.
func cursor(_ partition: UInt32, offset: Int64, end: Int64? = nil) -> PartitionCursor {
  PartitionCursor(TopicPartition(topic: "t", partition: partition), topicID: ByteBuffer(), offset: offset, end: end)
}
