/// Values of settings that people give a unit: `7d` for `retention_ms`, `512MiB` for `segment_bytes`.
enum SettingUnits {
  static let help = """
    A time may have a unit (ms, s, m, h, d, w), and a size (KiB, MiB, GiB, TiB): retention_ms=7d, segment_bytes=512MiB.
    """

  private static let milliseconds: [Substring: Int64] = [
    "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
  ]
  private static let bytes: [Substring: Int64] = ["KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]

  /// The value in the setting's own unit; as it is where the setting has none, or it is no whole number with a unit of
  /// the setting's: the broker says what is wrong then.
  static func value(_ text: String, of setting: String) -> String {
    let units = setting.hasSuffix("_ms") ? milliseconds : setting.hasSuffix("_bytes") ? bytes : [:]
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let unit = units[text[digits.endIndex...]], let count = Int64(digits) else { return text }
    let (value, isTooLarge) = count.multipliedReportingOverflow(by: unit)
    return isTooLarge ? text : "\(value)"
  }
}
