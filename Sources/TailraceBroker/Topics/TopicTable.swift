internal import Synchronization
package import NIOCore
package import TailraceWire

/// The topics there are, for the hot path: a look-up costs a lock and a hash. Thread-safe; written by `TopicRegistry` only.
package final class TopicTable: Sendable {
  private let topics = Mutex<[String: Topic]>([:])
  private let observer = Mutex<(@Sendable () -> Void)?>(nil)

  package init() {}

  package func topic(named name: String) -> Topic? { topics.withLock { $0[name] } }

  /// All, by name.
  package var all: [Topic] { topics.withLock { $0.values.sorted { $0.name.text < $1.name.text } } }

  /// Has `observer` called after each change from here on, before it is answered.
  func observe(_ observer: @escaping @Sendable () -> Void) { self.observer.withLock { $0 = observer } }

  func set(_ topic: Topic) {
    topics.withLock { $0[topic.name.text] = topic }
    observer.withLock { $0 }?()
  }

  func remove(named name: String) {
    _ = topics.withLock { $0.removeValue(forKey: name) }
    observer.withLock { $0 }?()
  }

  /// The topic of a part of a call, if its id is the expected one. `expectedID` empty: any.
  package func resolve(_ name: String, expectedID: ByteBuffer) -> Result<Topic, PartitionFailure> {
    guard let topic = topic(named: name) else {
      return .failure(PartitionFailure(.unknownTopic, "there is no topic '\(name.excerpt)'"))
    }
    guard !topic.name.isInternal else {
      return .failure(PartitionFailure(.internalTopic, "topic '\(name)' belongs to the broker"))
    }
    guard expectedID.readableBytes == 0 || expectedID.readableBytes == TopicID.byteCount else {
      return .failure(
        PartitionFailure(
          .invalidRequest,
          "topic_id has \(expectedID.readableBytes) bytes; it has \(TopicID.byteCount), or none at all"))
    }
    guard expectedID.readableBytes == 0 || TopicID(expectedID) == topic.id else {
      return .failure(
        PartitionFailure(
          .unknownTopicID, "topic '\(name)' has id \(topic.id), not the one asked for: it was created anew"))
    }
    return .success(topic)
  }

  /// The partition of a part of a call.
  package func resolve(
    _ name: String, expectedID: ByteBuffer, partition: UInt32
  ) -> Result<PartitionID, PartitionFailure> {
    resolve(name, expectedID: expectedID).flatMap { topic in topic.checkedPartition(partition) }
  }
}

extension Topic {
  /// The partition of that index, if there is one.
  package func checkedPartition(_ index: UInt32) -> Result<PartitionID, PartitionFailure> {
    guard index < partitionCount else {
      let range = partitionCount == 1 ? "0" : "0-\(partitionCount - 1)"
      return .failure(
        PartitionFailure(
          .unknownPartition,
          "partition \(index) of topic '\(name)' does not exist: it has \(partitionCount) (\(range))"))
    }
    return .success(partition(index))
  }
}
