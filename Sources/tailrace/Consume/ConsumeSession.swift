import NIOCore
import TailraceClient
import TailraceWire

/// What a consumer knows of its partitions and how far it has read.
struct ConsumeSession: Sendable {
  /// How long the broker may wait for records. An interruption does not wait for that.
  private static let maxWaitMs: UInt32 = 1_000
  /// Of one partition and of a whole response, in bytes.
  private static let partitionBytes: UInt32 = 2 << 20
  private static let responseBytes: UInt32 = 8 << 20
  /// Partitions asked for at a time.
  private static let maxTargets = 1_000

  private var cursors: [PartitionCursor]
  /// Where in `cursors` each partition is.
  private let places: [TopicPartition: Int]
  /// Where the next request begins, so that each partition has its turn at the front.
  private var firstTurn = 0

  init(cursors: [PartitionCursor]) {
    self.cursors = cursors
    places = Dictionary(zip(cursors.lazy.map(\.id), cursors.indices)) { first, _ in first }
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
          topic: $0.id.topic, topicID: $0.topicID, partition: $0.id.number, offset: $0.offset,
          maxBytes: Self.partitionBytes, lastEpoch: $0.lastEpoch)
      },
      minBytes: 1, maxBytes: Self.responseBytes, maxWaitMs: Self.maxWaitMs)
  }

  /// Moves on behind a response. Partitions that failed stay where they are.
  mutating func take(_ response: FetchResponse) throws(CommandFailure) -> Fetched {
    var fetched = Fetched()
    for partition in response.partitions {
      let id = TopicPartition(topic: partition.topic, partition: partition.partition)
      guard let place = places[id] else {
        throw CommandFailure(RPCError(.internalError, "the broker's answer is about another partition"))
      }
      if let error = partition.error {
        fetched.failures.append(CommandFailure(error, of: partition, at: cursors[place]))
        continue
      }
      for message in partition.batches {
        do throws(RecordBatchError) {
          let header = try RecordBatchHeader(checking: message)
          guard let wanted = cursors[place].advance(over: header) else { continue }
          fetched.batches.append(
            FetchedBatch(partition: id, header: header, records: message.records, wanted: wanted))
        } catch {
          throw CommandFailure(error).with(prefix: "\(id.words): ")
        }
      }
    }
    return fetched
  }
}

/// What a response brought.
struct Fetched {
  /// In order, with the offsets that are wanted of each.
  var batches: [FetchedBatch] = []
  var failures: [CommandFailure] = []
}

/// A batch as it was fetched, not decoded yet.
struct FetchedBatch: Sendable {
  let partition: TopicPartition
  let header: RecordBatchHeader
  let records: ByteBuffer
  /// The offsets that are to be printed.
  let wanted: Range<Int64>
}
