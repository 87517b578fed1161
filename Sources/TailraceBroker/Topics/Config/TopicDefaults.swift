internal import TailraceStorage
package import TailraceWire

/// The broker's layer of topics' configuration: in force on every topic that does not set the name itself.
package struct TopicDefaults: Sendable {
  /// By name, each checked.
  let values: [String: String]

  /// The broker says nothing: what is built in is in force.
  package static let none = TopicDefaults()

  private init() { values = [:] }

  /// Throws INVALID_ARGUMENT that names the setting, the value and the bounds.
  package init(_ entries: [ConfigEntry]) throws(RPCError) {
    // A topic that sets what the broker is to set stands for every topic that sets nothing.
    values = try TopicConfig(entries, defaults: .none).entries.reduce(into: [:]) { $0[$1.name] = $1.value }
  }
}
