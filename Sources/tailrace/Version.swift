/// The release of broker and tool.
enum Version {
  static let current = "0.1.0"
  /// The day of the release, as its manual has it.
  static let date = "2026-11-26"
}
