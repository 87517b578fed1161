/// Amounts as people read them.
enum Quantity {
  /// "17 B", "1.5 KiB", "230 GiB": three digits at least where there are any.
  static func bytes(_ count: UInt64) -> String {
    var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][...]
    var value = Double(count)
    while value >= 1_024, units.count > 1 {
      value /= 1_024
      units.removeFirst()
    }
    let unit = units.first ?? "B"
    guard unit != "B", value < 100 else { return "\(Int(value.rounded())) \(unit)" }
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
  }

  /// "850 ms", "12 s", "3 h 12 min", "41 d 3 h": the two largest units.
  static func duration(ms: UInt64) -> String {
    let units: [(name: String, ms: UInt64)] = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)]
    guard let first = units.firstIndex(where: { ms >= $0.ms }) else { return "\(ms) ms" }
    let large = "\(ms / units[first].ms) \(units[first].name)"
    guard first + 1 < units.count else { return large }
    let rest = ms % units[first].ms / units[first + 1].ms
    return rest == 0 ? large : "\(large) \(rest) \(units[first + 1].name)"
  }

  /// "0.42 ms", "12.3 ms", "1.24 s".
  static func latency(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let microseconds = Double(seconds) * 1e6 + Double(attoseconds) / 1e12
    func decimal(_ value: Double) -> String {
      let hundredths = Int64((value * 100).rounded())
      let fraction = hundredths % 100
      return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
    return microseconds < 1e6 ? "\(decimal(microseconds / 1e3)) ms" : "\(decimal(microseconds / 1e6)) s"
  }
}
