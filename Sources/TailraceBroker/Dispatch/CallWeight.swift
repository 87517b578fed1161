internal import NIOCore
internal import TailraceWire

/// How much work a call is, told by a look at its message. What is heavy is not for an event loop, where the calls of
/// other connections wait for it.
enum CallWeight {
  /// A message that is more than its records, at most.
  static let messageBytes = 32 << 10
  /// Targets of a fetch, at most.
  private static let fetchParts = 64
  /// Offsets of a commit, at most.
  private static let commitParts = 256
  private static let heartbeatBytes = 4 << 10
  /// Targets, records and batches of a produce, at most.
  private static let produceParts = 256
  private static let produceBytes = 1 << 20
  /// Records that the batches of a produce say they have, at most.
  private static let batchRecords = 8_192

  static func isHeavyFetch(_ message: ByteBuffer) -> Bool {
    // FetchRequest.targets
    message.readableBytes > messageBytes || PartCount.count(in: message, field: 1, most: fetchParts) > fetchParts
  }

  /// Whatever is in it.
  static func isLargeProduce(_ message: ByteBuffer) -> Bool { message.readableBytes > produceBytes }

  /// Of one that is not a single batch: to decode it takes as long as it is large.
  static func isHeavyProduce(_ message: ByteBuffer) -> Bool {
    // ProduceRequest.targets; ProduceTarget.records and batches.
    message.readableBytes > messageBytes
      || PartCount.count(in: message, field: 2, inner: [4, 5], most: produceParts) > produceParts
  }

  static func isHeavyFetch(_ request: FetchRequest) -> Bool { request.targets.count > fetchParts }

  /// Refusals take more words than requests.
  static func isHeavyCommit(_ message: ByteBuffer) -> Bool {
    // CommitOffsetRequest.offsets
    message.readableBytes > messageBytes || PartCount.count(in: message, field: 4, most: commitParts) > commitParts
  }

  /// A partition that is owned may be one byte.
  static func isHeavyHeartbeat(_ message: ByteBuffer) -> Bool { message.readableBytes > heartbeatBytes }

  /// Of batches that are decoded: to decompress and walk them may take long.
  static func areHeavy(_ batches: some Sequence<RecordBatch>) -> Bool {
    var records = 0
    for batch in batches {
      records += Int(batch.recordCount)
      if isHeavy(batch) || records > batchRecords { return true }
    }
    return false
  }

  static func isHeavy(_ batch: RecordBatch) -> Bool {
    let isCompressed = BatchAttributes(rawValue: batch.attributes).compression != Compression.none
    return isCompressed || Int(batch.recordCount) > batchRecords
  }
}
