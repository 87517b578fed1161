package import TailraceStorage
package import TailraceWire

/// A topic's configuration: what is set on the topic, and what is in force: that, else what the broker says, else what is
/// built in.
package struct TopicConfig: Sendable {
  /// A setting as it is in force.
  struct Value: Sendable {
    let setting: TopicSetting
    let text: String
    let source: ConfigSource
    /// What is set on the topic and cannot be understood, which `text` stands in for.
    var unreadable: String?
  }

  /// What is set on the topic, by name.
  package let entries: [ConfigEntry]
  /// What storage makes of all layers.
  package let log: LogConfig
  let defaults: TopicDefaults

  /// The ceiling of max_batch_bytes: a batch must fit a frame with room to spare.
  package static let maxBatchBytesCeiling = LogConfig.maxBatchBytesCeiling

  /// What somebody wants to set on a topic. Throws INVALID_ARGUMENT that names the setting, the value and the bounds.
  package init(_ entries: [ConfigEntry], defaults: TopicDefaults) throws(RPCError) {
    self.init(stored: entries, defaults: defaults)
    try check(setting: entries, after: nil)
  }

  /// What was stored. Never fails, or a broker would not start on what a later release stored: what is not known is kept
  /// and not in force, and in place of a value that cannot be understood stands one that loses no data.
  package init(stored entries: [ConfigEntry], defaults: TopicDefaults) {
    let own = entries.reduce(into: [String: String]()) { $0[$1.name] = $1.value }
    log = Self.resolve(own, defaults).log
    self.entries = own.map { ConfigEntry(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
    self.defaults = defaults
  }

  /// The configuration with some settings set and others taken back. What is not changed is not checked either: it may
  /// come from a later release. Throws INVALID_ARGUMENT.
  package func changed(setting: [ConfigEntry], unsetting: [String]) throws(RPCError) -> TopicConfig {
    var own = entries.reduce(into: [String: String]()) { $0[$1.name] = $1.value }
    var seen = Set(setting.map(\.name))
    for name in unsetting {
      guard seen.insert(name).inserted else {
        throw .invalidConfig("'\(name.excerpt)' is to be unset, and is given once more")
      }
      guard own.removeValue(forKey: name) != nil || TopicSetting.named(name) != nil else { throw Self.unknown(name) }
    }
    for entry in setting { own[entry.name] = entry.value }
    let changed = TopicConfig(stored: own.map { ConfigEntry(name: $0.key, value: $0.value) }, defaults: defaults)
    try changed.check(setting: setting, after: self)
    return changed
  }

  /// All settings, by name. Made anew each time: there may be very many topics, and few are asked for it.
  var values: [Value] {
    Self.resolve(entries.reduce(into: [:]) { $0[$1.name] = $1.value }, defaults).values
  }

  private static func resolve(_ own: [String: String], _ defaults: TopicDefaults) -> (values: [Value], log: LogConfig) {
    var log = LogConfig()
    let values = TopicSetting.all.map { $0.value(own[$0.name], defaults, &log) }
    return (values, log)
  }

  /// What this release does not understand of what is set on the topic.
  var notUnderstood: [ConfigEntry] {
    let values = values
    return entries.filter { entry in
      guard let value = values.first(where: { $0.setting.name == entry.name }) else { return true }
      return value.unreadable != nil
    }
  }
}

// MARK: - Checks

extension TopicConfig {
  /// Whether what is to be set is known, given once and within its bounds, and makes sense with all the rest; where it
  /// made none before, that is not the change's fault.
  private func check(setting entries: [ConfigEntry], after before: TopicConfig?) throws(RPCError) {
    var seen: Set<String> = []
    var scratch = LogConfig()
    for entry in entries {
      guard seen.insert(entry.name).inserted else {
        throw .invalidConfig("'\(entry.name.excerpt)' is given twice")
      }
      guard let setting = TopicSetting.named(entry.name) else { throw Self.unknown(entry.name) }
      try setting.apply(entry.value, to: &scratch)
    }
    if let contradiction, before?.contradiction == nil { throw .invalidConfig(contradiction) }
  }

  /// What keeps a setting from ever having its way; nil where nothing does.
  private var contradiction: String? {
    guard log.cleanup.isSuperset(of: [.compact, .delete]), let retentionMs = log.retentionMs,
      log.minCompactionLagMs >= retentionMs
    else { return nil }
    return "min_compaction_lag_ms is \(log.minCompactionLagMs) and retention_ms \(retentionMs): with cleanup_policy"
      + " 'compact,delete' the lag must be less, or records are deleted before they may be compacted"
  }

  private static func unknown(_ name: String) -> RPCError {
    .invalidConfig("there is no setting '\(name.excerpt)'; there are \(TopicSetting.names)")
  }
}

// MARK: - As it is shown

extension TopicConfig {
  /// All settings, and what is set on the topic and not known to this release, by name.
  package var described: [ConfigValue] {
    let known = values.map { value in
      let note = value.unreadable.map {
        " The topic says '\($0.excerpt)', which this release does not take: \(value.text) is in force instead."
      }
      return ConfigValue(
        name: value.setting.name, value: value.text, source: value.source,
        documentation: value.setting.documentation + (note ?? ""))
    }
    let unknown = notUnderstood.filter { TopicSetting.named($0.name) == nil }
    let kept = unknown.map {
      ConfigValue(
        name: $0.name, value: $0.value, source: .topic,
        documentation: "Not known to this release: kept, and not in force.")
    }
    return (known + kept).sorted { $0.name < $1.name }
  }
}

// MARK: - Layers

extension TopicSetting {
  /// What is in force, put into `log`. `own`: what the topic says; nil: nothing.
  fileprivate func value(_ own: String?, _ defaults: TopicDefaults, _ log: inout LogConfig) -> TopicConfig.Value {
    if let own, applies(own, to: &log) { return TopicConfig.Value(setting: self, text: own, source: .topic) }
    if own != nil, case .cautious(let shown, let set) = fallback {
      set(&log)
      return TopicConfig.Value(setting: self, text: shown, source: .default, unreadable: own)
    }
    if let text = defaults.values[name], applies(text, to: &log) {
      return TopicConfig.Value(setting: self, text: text, source: .broker, unreadable: own)
    }
    _ = applies(defaultValue, to: &log)
    return TopicConfig.Value(setting: self, text: defaultValue, source: .default, unreadable: own)
  }

  private func applies(_ value: String, to log: inout LogConfig) -> Bool {
    do throws(RPCError) { try apply(value, to: &log) } catch { return false }
    return true
  }
}
