internal import NIOCore
internal import TailraceWire

/// A place in a partition.
public enum StartPosition: Hashable, Sendable {
  /// At the lowest offset that is there.
  case beginning
  /// Behind the last record that is there.
  case end
  /// At this offset, not negative.
  case offset(Int64)
  /// At the first record of this time or later, milliseconds since 1970; behind the last one where there is none.
  case timestampMs(Int64)
}

extension StartPosition {
  /// The look-up that finds the offset in a partition; nil where it is known already.
  func query(_ partition: TopicPartition, topicID: ByteBuffer) -> OffsetQuery? {
    let (position, timestampMs): (OffsetPosition, Int64)
    switch self {
    case .beginning: (position, timestampMs) = (.earliest, 0)
    case .end: (position, timestampMs) = (.latest, 0)
    case .timestampMs(let ms): (position, timestampMs) = (.timestamp, ms)
    case .offset: return nil
    }
    return OffsetQuery(
      topic: partition.topic, topicID: topicID, partition: partition.number, position: position,
      timestampMs: timestampMs)
  }
}
