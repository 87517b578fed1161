internal import NIOCore
internal import TailraceGroups
internal import TailraceStorage
internal import TailraceWire

/// What groups store, in the internal log `__offsets`: see `GroupRecordKey`.
struct LogOffsetStore: OffsetStore {
  static let topicName = "__offsets"
  /// The log's own id.
  static let topicID = TopicID(high: 0, low: 2)

  private let log: InternalLog

  /// Creates the log where it is not there yet.
  init(store: any LogStore, clock: any WallClock) async throws(StorageError) {
    // Commits come without end, so they do not get at what is kept for making room.
    log = try await InternalLog(Self.topicName, id: Self.topicID, mayUseReserve: false, store: store, clock: clock)
  }

  var topic: Topic { log.topic }

  func append(_ records: [GroupLogRecord], completion: @escaping @Sendable (RPCError?) -> Void) {
    do throws(EncodeError) {
      var encoded: [(key: String, value: ByteBuffer?)] = []
      encoded.reserveCapacity(records.count)
      for record in records { encoded.append((record.key.text, try record.value?.encoded())) }
      log.append(encoded) { completion($0.map { RPCError($0) }) }
    } catch { completion(RPCError(error)) }
  }

  func replay(_ apply: (GroupRecordKey, ByteBuffer?) -> Void) async throws(RPCError) {
    do throws(StorageError) {
      try await log.replay { key, value, _ throws(RecordBatchError) in
        if let key = GroupRecordKey(key) { apply(key, value) }
      }
    } catch { throw RPCError(error) }
  }
}
