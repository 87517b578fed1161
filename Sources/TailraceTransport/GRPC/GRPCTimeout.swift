internal import NIOCore

/// The value of `grpc-timeout`: one to eight digits and a unit (gRPC over HTTP/2, "Timeout").
package enum GRPCTimeout {
  /// How long the client waits; nil where `text` is no such value. Cut to a week, which is for ever to a call.
  static func parse(_ text: String) -> TimeAmount? {
    var bytes = Array(text.utf8)
    guard let unit = bytes.popLast(), (1...8).contains(bytes.count) else { return nil }
    var value: Int64 = 0
    for byte in bytes {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - 0x30)
    }
    guard let nanoseconds = nanoseconds(of: unit) else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: nanoseconds)
    return min(overflow ? longest : .nanoseconds(product), longest)
  }

  /// The value that says `milliseconds`: in seconds, rounded up, where those are more than eight digits.
  package static func text(milliseconds: UInt32) -> String {
    milliseconds < 100_000_000 ? "\(milliseconds)m" : "\(milliseconds / 1_000 + 1)S"
  }

  private static func nanoseconds(of unit: UInt8) -> Int64? {
    switch unit {
    case UInt8(ascii: "n"): 1
    case UInt8(ascii: "u"): 1_000
    case UInt8(ascii: "m"): 1_000_000
    case UInt8(ascii: "S"): 1_000_000_000
    case UInt8(ascii: "M"): 60 * 1_000_000_000
    case UInt8(ascii: "H"): 3_600 * 1_000_000_000
    default: nil
    }
  }

  private static let longest = TimeAmount.hours(24 * 7)
}
