/// A point in time as RFC 3339 writes it: "2026-01-31T23:59:59.999Z".
package struct InternetTime: Hashable, Sendable {
  package enum Grammar: Sendable {
    /// RFC 3339 as protobuf's JSON form has it: capital T and Z, one to nine digits of fraction, no leap second.
    case strict
    /// As people type it: "2026-01-31", "2026-01-31 23:59". Without a zone: UTC. A fraction is cut to nanoseconds, and a
    /// leap second counts as the second after it.
    case lenient
  }

  private static let secondsPerDay: Int64 = 86_400

  /// Since 1970-01-01T00:00:00Z, rounded down.
  package let seconds: Int64
  /// 0 to 999,999,999.
  package let nanoseconds: Int64

  /// `seconds` within the years that 64 bits of nanoseconds have room for many times over: +-2^60.
  package init(seconds: Int64, nanoseconds: Int64 = 0) {
    self.seconds = min(max(seconds, -(1 << 60)), 1 << 60)
    self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
  }

  /// Nil where `text` is anything else.
  package init?(_ text: some StringProtocol, _ grammar: Grammar) {
    var scanner = DigitScanner(text: Array(text.utf8))
    guard let year = scanner.number(digits: 4), scanner.take("-"), let month = scanner.number(digits: 2),
      scanner.take("-"), let day = scanner.number(digits: 2), (1...12).contains(month),
      (1...Self.daysInMonth(month, year)).contains(day)
    else { return nil }
    let midnight = Self.daysSince1970(year, month, day) * Self.secondsPerDay
    if grammar == .lenient && scanner.isAtEnd {
      self.init(seconds: midnight)
      return
    }
    let separators: [Unicode.Scalar] = grammar == .strict ? ["T"] : ["T", "t", " "]
    guard separators.contains(where: { scanner.take($0) }), let time = scanner.timeOfDay(grammar),
      let zone = scanner.zoneSeconds(grammar), scanner.isAtEnd
    else { return nil }
    self.init(seconds: midnight + time.seconds - zone, nanoseconds: time.nanoseconds)
  }

  /// In UTC, with so many digits of fraction, 0 to 9; nil: 0, 3, 6 or 9, as many as it takes. Years beyond 9999 are
  /// printed as they are.
  package func text(fractionDigits: Int? = nil) -> String {
    let (days, timeOfDay) = seconds.flooredQuotientAndRemainder(dividingBy: Self.secondsPerDay)
    let (year, month, day) = Self.date(daysSince1970: days)
    let (hours, rest) = timeOfDay.quotientAndRemainder(dividingBy: 3_600)
    let (minutes, seconds) = rest.quotientAndRemainder(dividingBy: 60)
    let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    let time = "\(Self.padded(hours, 2)):\(Self.padded(minutes, 2)):\(Self.padded(seconds, 2))"
    return "\(date)T\(time)\(Self.fraction(nanoseconds, digits: fractionDigits))Z"
  }

  /// ".250"; empty for no digits. As `text(fractionDigits:)`.
  static func fraction(_ nanoseconds: Int64, digits: Int? = nil) -> String {
    let needed = nanoseconds == 0 ? 0 : nanoseconds % 1_000_000 == 0 ? 3 : nanoseconds % 1_000 == 0 ? 6 : 9
    let count = min(max(digits ?? needed, 0), 9)
    return count == 0 ? "" : "." + padded(nanoseconds, 9).prefix(count)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func daysInMonth(_ month: Int64, _ year: Int64) -> Int64 {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Of the proleptic Gregorian calendar. Years are counted from March, so that leap days come last; an era has 400.
  private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = shifted.flooredQuotientAndRemainder(dividingBy: 400)
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = (days + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }
}

/// Takes digits and characters off the front of a short text.
struct DigitScanner {
  private let text: [UInt8]
  private var position = 0

  init(text: [UInt8]) { self.text = text }

  var isAtEnd: Bool { position == text.count }

  private func isDigit(at index: Int) -> Bool {
    index < text.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index])
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < text.count, UInt32(text[position]) == character.value else { return false }
    position += 1
    return true
  }

  /// Exactly so many digits, at most 18.
  mutating func number(digits: Int) -> Int64? {
    guard (position..<position + digits).allSatisfy({ isDigit(at: $0) }) else { return nil }
    var value: Int64 = 0
    for _ in 0..<digits {
      value = value * 10 + Int64(text[position] - UInt8(ascii: "0"))
      position += 1
    }
    return value
  }

  /// All digits that there are, 1 to `most`, which is at most 18.
  mutating func number(upToDigits most: Int) -> Int64? {
    var count = 0
    while isDigit(at: position + count) { count += 1 }
    return (1...most).contains(count) ? number(digits: count) : nil
  }

  /// The nanoseconds that the digits behind a point stand for. `most`: of digits; nil: those beyond nine are left out.
  mutating func nanoseconds(upToDigits most: Int?) -> Int64? {
    var (value, unit): (Int64, Int64) = (0, 100_000_000)
    let start = position
    while isDigit(at: position) {
      value += Int64(text[position] - UInt8(ascii: "0")) * unit
      unit /= 10
      position += 1
    }
    return position > start && position - start <= most ?? .max ? value : nil
  }

  mutating func timeOfDay(_ grammar: InternetTime.Grammar) -> (seconds: Int64, nanoseconds: Int64)? {
    let isStrict = grammar == .strict
    guard let hours = number(digits: 2), hours < 24, take(":"), let minutes = number(digits: 2), minutes < 60 else {
      return nil
    }
    let seconds = (hours * 60 + minutes) * 60
    guard take(":") else { return isStrict ? nil : (seconds, 0) }
    guard let second = number(digits: 2), second < (isStrict ? 60 : 61) else { return nil }
    guard take(".") else { return (seconds + second, 0) }
    return nanoseconds(upToDigits: isStrict ? 9 : nil).map { (seconds + second, $0) }
  }

  mutating func zoneSeconds(_ grammar: InternetTime.Grammar) -> Int64? {
    let isStrict = grammar == .strict
    if take("Z") || (!isStrict && (isAtEnd || take("z"))) { return 0 }
    let sign: Int64 = take("-") ? -1 : 1
    guard sign == -1 || take("+"), let hours = number(digits: 2), hours < 24 else { return nil }
    guard take(":") || !isStrict, let minutes = number(digits: 2), minutes < 60 else { return nil }
    return sign * (hours * 60 + minutes) * 60
  }
}

extension Int64 {
  /// Quotient rounded down, and the remainder, which is never negative. `divisor` must be above 0.
  fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
