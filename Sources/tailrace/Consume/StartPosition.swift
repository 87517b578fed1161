import ArgumentParser
import NIOCore
import TailraceClient
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
        guard
          let ms = Self.milliseconds(argument) ?? Timestamp.parse(argument)
            ?? RelativeTime.parse(argument, nowMs: Clock.nowMs())
        else {
          return nil
        }
        self = .timestamp(ms)
      }
    }
  }

  /// `@1767225600000`: milliseconds since 1970, as a template prints them for `@%T`.
  private static func milliseconds(_ text: String) -> Int64? {
    guard text.hasPrefix("@"),
      text.utf8.dropFirst().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return Int64(text.dropFirst())
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

  /// As it is written.
  var defaultValueDescription: String {
    switch self {
    case .beginning: "beginning"
    case .end: "end"
    case .offset(let offset): "\(offset)"
    case .timestamp(let ms): "@\(ms)"
    }
  }
}

extension StartPosition {
  /// The same, as the SDK has it.
  var ofClient: TailraceClient.StartPosition {
    switch self {
    case .beginning: .beginning
    case .end: .end
    case .offset(let offset): .offset(offset)
    case .timestamp(let ms): .timestampMs(ms)
    }
  }
}

/// Where `consume` begins in each partition.
enum RangeStart: ExpressibleByArgument, Hashable, Sendable {
  case position(StartPosition)
  /// So many offsets before the end, or at the beginning where there are fewer.
  case last(Int64)

  /// `last 100`, `last:100`, or a position.
  init?(argument: String) {
    let word = "last"
    guard argument.hasPrefix(word) else {
      guard let position = StartPosition(argument: argument) else { return nil }
      self = .position(position)
      return
    }
    let rest = argument.dropFirst(word.utf8.count)
    guard rest.first == " " || rest.first == ":", let count = Int64(rest.dropFirst()), count > 0 else { return nil }
    self = .last(count)
  }

  /// As it is written.
  var defaultValueDescription: String {
    switch self {
    case .position(let position): position.defaultValueDescription
    case .last(let count): "last \(count)"
    }
  }
}

/// A time before now, such as `-5m`: `ms`, `s`, `m`, `h`, `d` and `w` are units.
enum RelativeTime {
  private static let units: [Substring: Double] = [
    "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
  ]

  /// Milliseconds since 1970, not before; nil where `text` is no such time.
  static func parse(_ text: String, nowMs: Int64) -> Int64? {
    guard text.first == "-" else { return nil }
    let digits = text.dropFirst().prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), let unit = units[text[digits.endIndex...]] else { return nil }
    let ms = number * unit
    guard ms < 9e15 else { return nil }
    return max(0, nowMs - Int64(ms))
  }
}
