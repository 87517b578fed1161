internal import CTailraceWire
package import NIOCore

/// A FetchRequest with one target and without `decode`, as a consumer that follows one partition sends it: read where it
/// lies, without protobuf-c's intermediate form and the arrays of the full message.
package struct SingleFetch: Sendable {
  package let topic: String
  /// The id that the topic is expected to have; nil: any.
  package let topicID: TopicID?
  package let partition: UInt32
  package let offset: Int64
  /// Of the partition; 0: the call's.
  package let partitionMaxBytes: UInt32
  package let lastEpoch: UInt32?
  package let minBytes: UInt32
  /// Of the whole answer; 0: the door's.
  package let maxBytes: UInt32
  /// Milliseconds.
  package let maxWaitMs: UInt32

  /// Nil where the message is not of that form, or there is anything odd about it: then it is to be decoded in full.
  package init?(scanning message: ByteBuffer) {
    var raw = trw_single_fetch()
    let found = message.withUnsafeReadableBytes { bytes -> (topic: String, topicID: TopicID?)? in
      guard let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
        trw_scan_single_fetch(data, bytes.count, &raw)
      else { return nil }
      let id = UnsafeRawBufferPointer(start: raw.topic_id, count: raw.topic_id_length)
      guard id.isEmpty || id.count == TopicID.byteCount else { return nil }
      let topic = String(decoding: UnsafeBufferPointer(start: raw.topic, count: raw.topic_length), as: UTF8.self)
      return (topic, TopicID(bytes: id))
    }
    guard let found else { return nil }
    topic = found.topic
    topicID = found.topicID
    partition = raw.partition
    offset = raw.offset
    partitionMaxBytes = raw.partition_max_bytes
    lastEpoch = raw.has_last_epoch ? raw.last_epoch : nil
    minBytes = raw.min_bytes
    maxBytes = raw.max_bytes
    maxWaitMs = raw.max_wait_ms
  }
}
