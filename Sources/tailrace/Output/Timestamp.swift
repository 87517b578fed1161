import TailraceWire

/// Points in time as RFC 3339 writes them, to milliseconds since 1970-01-01T00:00Z and back.
enum Timestamp {
  /// Reads "2026-01-31", "2026-01-31T23:59", "2026-01-31T23:59:59.999+01:00". Without a zone: UTC. A fraction is cut to
  /// milliseconds. Nil where the text is anything else, or before 1970.
  static func parse(_ text: some StringProtocol) -> Int64? {
    guard let time = InternetTime(text, .lenient), time.seconds >= 0 else { return nil }
    return time.seconds * 1_000 + time.nanoseconds / 1_000_000
  }

  /// "2026-01-31T23:59:59.999Z". `ms` may be any number; years beyond 9999 are printed as they are.
  static func format(_ ms: Int64) -> String {
    let (quotient, remainder) = ms.quotientAndRemainder(dividingBy: 1_000)
    let (seconds, rest) = remainder < 0 ? (quotient - 1, remainder + 1_000) : (quotient, remainder)
    return InternetTime(seconds: seconds, nanoseconds: rest * 1_000_000).text(fractionDigits: 3)
  }
}
