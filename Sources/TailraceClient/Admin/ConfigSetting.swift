internal import TailraceWire

/// A setting of a topic, with its origin.
public struct ConfigSetting: Hashable, Sendable {
  /// Where a value comes from.
  public enum Source: Hashable, Sendable {
    /// Built into the broker.
    case builtIn
    /// The broker's own configuration.
    case broker
    /// Set on the topic.
    case topic
    /// Not known to this client.
    case unknown
  }

  /// "retention_ms", "durability", ...
  public var name: String
  /// The value in force: numbers in decimal, words in lower case.
  public var value: String
  /// Where it comes from.
  public var source: Source
  /// What it means, its unit and bounds.
  public var documentation: String
}

extension ConfigSetting {
  init(_ wire: ConfigValue) {
    name = wire.name
    value = wire.value
    source = Source(wire.source)
    documentation = wire.documentation
  }
}

extension ConfigSetting.Source {
  fileprivate init(_ wire: ConfigSource) {
    self =
      switch wire {
      case .default: .builtIn
      case .broker: .broker
      case .topic: .topic
      default: .unknown
      }
  }
}
