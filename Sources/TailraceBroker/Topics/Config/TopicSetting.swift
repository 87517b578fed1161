internal import TailraceStorage
internal import TailraceWire

/// A setting of topics: its name, what it may be, what it means, and what it does to storage's configuration.
package struct TopicSetting: Sendable {
  /// What a setting may be.
  enum Values: Sendable {
    /// A number within bounds, in decimal; with `allowsNone` also -1, which is none, given to `set` as nil.
    case number(ClosedRange<Int64>, allowsNone: Bool = false, set: @Sendable (inout LogConfig, Int64?) -> Void)
    /// One of these words.
    case choice([String: @Sendable (inout LogConfig) -> Void])
  }

  /// "retention_ms".
  package let name: String
  /// In force where neither the topic nor the broker says anything.
  package let defaultValue: String
  /// What is done where what a topic says cannot be understood: never to lose data that somebody wanted to keep.
  let fallback: Fallback
  let values: Values
  /// What it means, and its unit.
  let meaning: String

  /// For a value that was stored by another release.
  enum Fallback: Sendable {
    /// The broker's or the built-in value does no harm.
    case standard
    /// Neither does, but this; `shown` is what it is called.
    case cautious(shown: String, set: @Sendable (inout LogConfig) -> Void)
  }

  /// Of a number: zeros in front are no way to store megabytes.
  private static let maxDigits = 20

  init(
    _ name: String, default defaultValue: String, fallback: Fallback = .standard, _ values: Values, meaning: String
  ) {
    self.name = name
    self.defaultValue = defaultValue
    self.fallback = fallback
    self.values = values
    self.meaning = meaning
  }

  /// "it may be 1 to 1000, or -1 for none".
  var bounds: String {
    switch values {
    case .number(let range, let allowsNone, _):
      "\(range.lowerBound) to \(range.upperBound)" + (allowsNone ? ", or -1 for none" : "")
    case .choice(let words): words.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
    }
  }

  /// Meaning, unit, bounds and default, for people.
  package var documentation: String { "\(meaning) May be \(bounds); built in is \(defaultValue)." }

  /// Puts a value into `config`; throws INVALID_ARGUMENT with name, value and bounds.
  func apply(_ value: String, to config: inout LogConfig) throws(RPCError) {
    switch values {
    case .number(let range, let allowsNone, let set):
      if allowsNone, value == "-1" { return set(&config, nil) }
      guard value.utf8.count <= Self.maxDigits, let number = Int64(value), range.contains(number) else {
        throw refused(value)
      }
      set(&config, number)
    case .choice(let words):
      guard let set = words[value] else { throw refused(value) }
      set(&config)
    }
  }

  private func refused(_ value: String) -> RPCError {
    .invalidConfig("\(name) is '\(value.excerpt)'; it may be \(bounds)")
  }
}

extension RPCError {
  /// What is wrong with a topic's configuration.
  static func invalidConfig(_ why: String) -> RPCError {
    RPCError(.invalidArgument, "configuration: \(why)", error: .invalidConfig)
  }
}
