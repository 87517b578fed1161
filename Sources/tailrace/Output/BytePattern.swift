import NIOCore
import Synchronization

/// A regular expression that is searched for in bytes.
///
/// Unicode scalars are matched. What is not UTF-8 is matched as if each byte were a character of Latin-1.
struct BytePattern {
  /// How often a search began or ended in the process, on one thread at a time: odd while one is under way. Some take
  /// longer than anybody waits, and cannot be stopped.
  static let steps = Atomic<UInt64>(0)

  private let regex: Regex<AnyRegexOutput>

  /// Throws what is wrong with the pattern.
  init(_ pattern: String) throws { regex = try Regex(pattern).matchingSemantics(.unicodeScalar) }

  /// Whether it matches anywhere.
  func matches(_ bytes: ByteBuffer) -> Bool {
    if let text = Self.utf8(bytes) { return match(text) != nil }
    return match(Self.latin1(bytes)) != nil
  }

  /// What the first group captures, or all that is matched where there is no group; nil where nothing is.
  func firstCapture(in bytes: ByteBuffer) -> ByteBuffer? {
    if let text = Self.utf8(bytes) { return capture(in: text).map { ByteBuffer(substring: $0) } }
    return capture(in: Self.latin1(bytes)).map { found in
      ByteBuffer(bytes: found.unicodeScalars.lazy.map { UInt8(truncatingIfNeeded: $0.value) })
    }
  }

  private static func utf8(_ bytes: ByteBuffer) -> String? {
    bytes.withUnsafeReadableBytes { String(validating: $0, as: UTF8.self) }
  }

  private static func latin1(_ bytes: ByteBuffer) -> String {
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: bytes.readableBytesView.lazy.map { Unicode.Scalar($0) })
    return String(scalars)
  }

  private func match(_ text: String) -> AnyRegexOutput? {
    Self.steps.wrappingAdd(1, ordering: .relaxed)
    defer { Self.steps.wrappingAdd(1, ordering: .relaxed) }
    // Nothing fails in a search but closures of a regular expression in code: those of a text have none.
    return (try? regex.firstMatch(in: text))?.output
  }

  private func capture(in text: String) -> Substring? {
    guard let output = match(text) else { return nil }
    return output.count > 1 ? output[1].substring : output[0].substring
  }
}
