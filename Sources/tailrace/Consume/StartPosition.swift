import ArgumentParser
import NIOCore
import TailraceWire

/// Where to begin reading each partition.
enum StartPosition: Hashable, Sendable {
  /// At the lowest offset that is there.
  case beginning
  /// Behind the last record that is there.
  case end
  /// At this offset, not negative.
  case offset(Int64)
  /// At the first record of this time or later: milliseconds since 1970.
  case timestamp(Int64)
}

extension StartPosition: ExpressibleByArgument {
  init?(argument: String) {
    switch argument {
    case "beginning": self = .beginning
    case "end": self = .end
    default:
      if !argument.isEmpty, argument.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
        guard let offset = Int64(argument) else { return nil }
        self = .offset(offset)
      } else {
        guard let ms = Timestamp.parse(argument) else { return nil }
        self = .timestamp(ms)
      }
    }
  }

  /// The look-up that finds the offset in a partition; nil where it is known already.
  func query(topic: String, topicID: ByteBuffer, partition: UInt32) -> OffsetQuery? {
    let (position, timestampMs): (OffsetPosition, Int64) =
      switch self {
      case .beginning: (.earliest, 0)
      case .end: (.latest, 0)
      case .timestamp(let ms): (.timestamp, ms)
      case .offset: (.unspecified, 0)
      }
    guard position != .unspecified else { return nil }
    return OffsetQuery(
      topic: topic, topicID: topicID, partition: partition, position: position, timestampMs: timestampMs)
  }
}
