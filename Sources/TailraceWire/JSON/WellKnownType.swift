/// A type of google.protobuf whose JSON form is not that of its fields.
enum WellKnownType: Sendable {
  case timestamp
  case duration
  case fieldMask
  case structure
  case value
  case list
  case any
  /// A message around one scalar: field 1.
  case wrapper

  /// Of the message of that full name; nil for all others.
  init?(_ fullName: String) {
    let package = "google.protobuf."
    guard fullName.hasPrefix(package) else { return nil }
    switch fullName.dropFirst(package.count) {
    case "Timestamp": self = .timestamp
    case "Duration": self = .duration
    case "FieldMask": self = .fieldMask
    case "Struct": self = .structure
    case "Value": self = .value
    case "ListValue": self = .list
    case "Any": self = .any
    case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
      "StringValue", "BytesValue":
      self = .wrapper
    default: return nil
    }
  }

  /// The enum that stands for JSON's null.
  static let nullValueName = "google.protobuf.NullValue"

  /// Numbers of the fields of google.protobuf.Value, which are the members of one oneof.
  enum ValueField {
    static let null: UInt32 = 1
    static let number: UInt32 = 2
    static let string: UInt32 = 3
    static let bool: UInt32 = 4
    static let structure: UInt32 = 5
    static let list: UInt32 = 6
    static let all = null...list
  }

  /// The type that the URL of an Any names: what is behind its last slash.
  static func typeName(ofURL url: String) -> String {
    url.lastIndex(of: "/").map { String(url[url.index(after: $0)...]) } ?? url
  }
}

/// google.protobuf.Duration: seconds and nanoseconds of one sign.
struct DurationText {
  static let maxSeconds: Int64 = 315_576_000_000

  let seconds: Int64
  let nanoseconds: Int64

  /// Nil where the numbers are out of range, or of different signs.
  init?(seconds: Int64, nanoseconds: Int64) {
    guard (-Self.maxSeconds...Self.maxSeconds).contains(seconds),
      (-999_999_999...999_999_999).contains(nanoseconds), seconds.signum() * nanoseconds.signum() >= 0
    else { return nil }
    (self.seconds, self.nanoseconds) = (seconds, nanoseconds)
  }

  /// Reads "1.5s", "-3s". Nil where `text` is anything else, or out of range.
  init?(_ text: String) {
    var scanner = DigitScanner(text: Array(text.utf8))
    let sign: Int64 = scanner.take("-") ? -1 : 1
    guard let seconds = scanner.number(upToDigits: 12) else { return nil }
    var nanoseconds: Int64 = 0
    if scanner.take(".") {
      guard let fraction = scanner.nanoseconds(upToDigits: 9) else { return nil }
      nanoseconds = fraction
    }
    guard scanner.take("s"), scanner.isAtEnd else { return nil }
    self.init(seconds: sign * seconds, nanoseconds: sign * nanoseconds)
  }

  /// "1.500s", with 0, 3, 6 or 9 digits of fraction.
  var text: String {
    let sign = seconds < 0 || nanoseconds < 0 ? "-" : ""
    return "\(sign)\(seconds.magnitude)\(InternetTime.fraction(Int64(nanoseconds.magnitude)))s"
  }
}

/// google.protobuf.Timestamp: the years 1 to 9999.
enum TimestampText {
  static let seconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

  /// Nil where the numbers are out of range.
  static func text(seconds: Int64, nanoseconds: Int64) -> String? {
    guard Self.seconds.contains(seconds), (0...999_999_999).contains(nanoseconds) else { return nil }
    return InternetTime(seconds: seconds, nanoseconds: nanoseconds).text()
  }

  /// Nil where `text` is no time of those years.
  static func parse(_ text: String) -> InternetTime? {
    guard let time = InternetTime(text, .strict), seconds.contains(time.seconds) else { return nil }
    return time
  }
}

/// Paths of google.protobuf.FieldMask: "topic_id.name" on the wire, "topicId.name" in JSON.
enum FieldMaskPath {
  /// Nil where the path would not come back as it is.
  static func json(_ path: String) -> String? {
    var result: [UInt8] = []
    var afterUnderscore = false
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): return nil
      case UInt8(ascii: "_") where afterUnderscore: return nil
      case UInt8(ascii: "_"): afterUnderscore = true
      case UInt8(ascii: "a")...UInt8(ascii: "z"):
        result.append(afterUnderscore ? byte - 0x20 : byte)
        afterUnderscore = false
      default:
        if afterUnderscore { return nil }
        result.append(byte)
      }
    }
    return afterUnderscore ? nil : String(decoding: result, as: UTF8.self)
  }

  /// Nil where there is an underscore in it.
  static func wire(_ path: Substring) -> String? {
    var result: [UInt8] = []
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "_"): return nil
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): result += [UInt8(ascii: "_"), byte + 0x20]
      default: result.append(byte)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
