/// Points in time as RFC 3339 writes them, to milliseconds since 1970-01-01T00:00Z and back.
enum Timestamp {
  private static let msPerDay: Int64 = 86_400_000

  /// Reads "2026-01-31", "2026-01-31T23:59", "2026-01-31T23:59:59.999+01:00". Without a zone: UTC. A fraction is cut to
  /// milliseconds. Nil where the text is anything else, or before 1970.
  static func parse(_ text: some StringProtocol) -> Int64? {
    var scanner = Scanner(text: Array(text.utf8))
    guard let year = scanner.number(digits: 4), scanner.take("-"), let month = scanner.number(digits: 2),
      scanner.take("-"), let day = scanner.number(digits: 2), (1...12).contains(month),
      (1...daysInMonth(month, year)).contains(day)
    else { return nil }
    let midnight = daysSince1970(year, month, day) * msPerDay
    if scanner.isAtEnd { return midnight >= 0 ? midnight : nil }
    guard scanner.take("T") || scanner.take("t") || scanner.take(" "), let time = scanner.timeOfDayMs(),
      let zone = scanner.zoneMs(), scanner.isAtEnd
    else { return nil }
    let result = midnight + time - zone
    return result >= 0 ? result : nil
  }

  /// "2026-01-31T23:59:59.999Z". `ms` may be any number; years beyond 9999 are printed as they are.
  static func format(_ ms: Int64) -> String {
    let (days, timeOfDay) = ms.flooredQuotientAndRemainder(dividingBy: msPerDay)
    let (year, month, day) = date(daysSince1970: days)
    let (hours, rest) = timeOfDay.quotientAndRemainder(dividingBy: 3_600_000)
    let (minutes, milliseconds) = rest.quotientAndRemainder(dividingBy: 60_000)
    let (seconds, fraction) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(hours, 2)):\(padded(minutes, 2)):"
      + "\(padded(seconds, 2)).\(padded(fraction, 3))Z"
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

  private struct Scanner {
    let text: [UInt8]
    var position = 0

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

    mutating func number(digits: Int) -> Int64? {
      guard (position..<position + digits).allSatisfy({ isDigit(at: $0) }) else { return nil }
      var value: Int64 = 0
      for _ in 0..<digits {
        value = value * 10 + Int64(text[position] - UInt8(ascii: "0"))
        position += 1
      }
      return value
    }

    mutating func timeOfDayMs() -> Int64? {
      guard let hours = number(digits: 2), hours < 24, take(":"), let minutes = number(digits: 2), minutes < 60 else {
        return nil
      }
      var ms = (hours * 60 + minutes) * 60_000
      guard take(":") else { return ms }
      // A leap second counts as the second after it.
      guard let seconds = number(digits: 2), seconds <= 60 else { return nil }
      ms += seconds * 1_000
      guard take(".") else { return ms }
      guard isDigit(at: position) else { return nil }
      var unit: Int64 = 100
      while isDigit(at: position) {
        ms += Int64(text[position] - UInt8(ascii: "0")) * unit
        unit /= 10
        position += 1
      }
      return ms
    }

    mutating func zoneMs() -> Int64? {
      if isAtEnd || take("Z") || take("z") { return 0 }
      let sign: Int64 = take("-") ? -1 : 1
      guard sign == -1 || take("+"), let hours = number(digits: 2), hours < 24 else { return nil }
      _ = take(":")
      guard let minutes = number(digits: 2), minutes < 60 else { return nil }
      return sign * (hours * 60 + minutes) * 60_000
    }
  }
}

extension Int64 {
  /// Quotient rounded down, and the remainder, which is never negative. `divisor` must be above 0.
  fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
