import ArgumentParser

/// A time given in seconds, such as 30 or 0.5.
struct Seconds: ExpressibleByArgument, Hashable, Sendable {
  /// Not negative, rounded up.
  let ms: Int64

  init(ms: Int64) { self.ms = ms }

  /// Nil unless `argument` is a number from 0 to a billion.
  init?(argument: String) {
    guard let seconds = Double(argument), (0...1e9).contains(seconds) else { return nil }
    ms = Int64((seconds * 1_000).rounded(.up))
  }
}
