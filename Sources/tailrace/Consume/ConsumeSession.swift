import NIOCore
import TailraceWire

/// What a consumer knows of its topic and how far it has read.
struct ConsumeSession: Sendable {
  /// How long the broker may wait for records. An interruption does not wait for that.
  private static let maxWaitMs: UInt32 = 1_000
  /// Of one partition and of a whole response, in bytes.
  private static let partitionBytes: UInt32 = 2 << 20
  private static let responseBytes: UInt32 = 8 << 20
  /// Partitions asked for at a time.
  private static let maxTargets = 1_000

  let topic: String
  let topicID: ByteBuffer
  private var cursors: [PartitionCursor]
  /// Where the next request begins, so that each partition has its turn at the front.
  private var firstTurn = 0

  init(topic: String, topicID: ByteBuffer, cursors: [PartitionCursor]) {
    self.topic = topic
    self.topicID = topicID
    self.cursors = cursors
  }

  /// Whether all partitions were read to their ends.
  var isAtEnd: Bool { cursors.allSatisfy(\.isAtEnd) }

  /// The next request.
  mutating func nextRequest() -> FetchRequest {
    let open = cursors.filter { !$0.isAtEnd }
    guard !open.isEmpty else { return FetchRequest() }
    let first = firstTurn % open.count
    let turn = (open[first...] + open[..<first]).prefix(Self.maxTargets)
    firstTurn = (first + (open.count > Self.maxTargets ? Self.maxTargets : 1)) % open.count
    return FetchRequest(
      targets: turn.map {
        FetchTarget(
          topic: topic, topicID: topicID, partition: $0.partition, offset: $0.offset, maxBytes: Self.partitionBytes,
          lastEpoch: $0.lastEpoch)
      },
      minBytes: 1, maxBytes: Self.responseBytes, maxWaitMs: Self.maxWaitMs)
  }

  /// Moves on behind a response. Returns its batches in order, with the offsets that are wanted of each.
  mutating func take(_ response: FetchResponse) throws(CommandFailure) -> [FetchedBatch] {
    var batches: [FetchedBatch] = []
    for partition in response.partitions {
      guard let index = cursors.firstIndex(where: { $0.partition == partition.partition }), partition.topic == topic
      else { throw CommandFailure(RPCError(.internalError, "the broker's answer is about another partition")) }
      if let error = partition.error { throw failure(error, of: partition, at: cursors[index]) }
      for message in partition.batches {
        do throws(RecordBatchError) {
          let header = try RecordBatchHeader(checking: message)
          guard let wanted = cursors[index].advance(over: header) else { continue }
          batches.append(
            FetchedBatch(partition: partition.partition, header: header, records: message.records, wanted: wanted))
        } catch {
          throw CommandFailure(error).with(prefix: "partition \(partition.partition) of '\(topic)': ")
        }
      }
    }
    return batches
  }

  private func failure(
    _ error: PartitionError, of partition: FetchedPartition, at cursor: PartitionCursor
  ) -> CommandFailure {
    if error.code == .offsetOutOfRange {
      return .offsetOutOfRange(
        cursor.offset, partition.logStartOffset, partition.highWatermark, partition: partition.partition, topic: topic)
    }
    var message = error.message
    if error.code == .offsetTruncated, let end = partition.truncatedTo {
      message = "the log fell back to offset \(end) after a crash; what was printed from there on is gone"
    }
    return CommandFailure(PartitionError(code: error.code, message: message), topic: topic)
      .with(prefix: "partition \(partition.partition) of '\(topic)': ")
  }
}

extension CommandFailure {
  /// `start` and `end`: the bounds that the partition has, the latter exclusive.
  static func offsetOutOfRange(
    _ offset: Int64, _ start: Int64, _ end: Int64, partition: UInt32, topic: String
  ) -> CommandFailure {
    let message =
      "partition \(partition) of '\(topic)': offset \(offset) is out of range: the partition holds \(start) to \(end)"
      + " (exclusive); see --from and --partition"
    return CommandFailure(PartitionError(code: .offsetOutOfRange, message: message))
  }
}

/// A batch as it was fetched, not decoded yet.
struct FetchedBatch: Sendable {
  let partition: UInt32
  let header: RecordBatchHeader
  let records: ByteBuffer
  /// The offsets that are to be printed.
  let wanted: Range<Int64>
}
