package import TailraceStorage
package import TailraceWire

/// A topic's configuration: the settings that differ from the defaults, checked.
package struct TopicConfig: Hashable, Sendable {
  /// As given, by name.
  package let entries: [ConfigEntry]
  /// What storage makes of them.
  package let log: LogConfig

  /// The ceiling of max_batch_bytes: a batch must fit a frame with room to spare.
  package static let maxBatchBytesCeiling = 8 << 20

  /// Throws INVALID_ARGUMENT that names the setting, the value and the bound.
  package init(_ entries: [ConfigEntry]) throws(RPCError) {
    var settings = Settings()
    var seen: Set<String> = []
    for entry in entries {
      guard seen.insert(entry.name).inserted else { throw Self.refused("'\(entry.name.excerpt)' is given twice") }
      guard let setting = Self.settings[entry.name] else {
        throw Self.refused(
          "there is no setting '\(entry.name.excerpt)'; there are \(Self.settings.keys.sorted().joined(separator: ", "))"
        )
      }
      try setting(entry, &settings)
    }
    self.entries = entries.sorted { $0.name < $1.name }
    log = settings.logConfig
  }

  private struct Settings {
    var durability = "durable"
    var flushIntervalMs: Int64 = 1_000
    var segmentBytes = 1 << 30
    var maxBatchBytes = 1 << 20
    var hasAppendTimestamps = false

    var logConfig: LogConfig {
      let mode: LogConfig.Durability =
        switch durability {
        case "os": .os
        case "interval": .interval(milliseconds: flushIntervalMs)
        default: .durable
        }
      return LogConfig(
        durability: mode, segmentBytes: segmentBytes, maxBatchBytes: maxBatchBytes,
        hasAppendTimestamps: hasAppendTimestamps)
    }
  }

  private typealias Setting = @Sendable (ConfigEntry, inout Settings) throws(RPCError) -> Void

  private static let settings: [String: Setting] = [
    "durability": { (entry, settings) throws(RPCError) in
      settings.durability = try choice(entry, ["durable", "interval", "os"])
    },
    "flush_interval_ms": { (entry, settings) throws(RPCError) in
      settings.flushIntervalMs = try number(entry, 1...3_600_000)
    },
    "segment_bytes": { (entry, settings) throws(RPCError) in
      settings.segmentBytes = Int(try number(entry, 65_536...Int64(Int32.max)))
    },
    "max_batch_bytes": { (entry, settings) throws(RPCError) in
      settings.maxBatchBytes = Int(try number(entry, 1_024...Int64(maxBatchBytesCeiling)))
    },
    "timestamp_type": { (entry, settings) throws(RPCError) in
      settings.hasAppendTimestamps = try choice(entry, ["create", "append"]) == "append"
    },
  ]

  private static func choice(_ entry: ConfigEntry, _ allowed: [String]) throws(RPCError) -> String {
    guard allowed.contains(entry.value) else {
      throw refused("\(entry.name) is '\(entry.value.excerpt)'; it may be \(allowed.joined(separator: ", "))")
    }
    return entry.value
  }

  private static func number(_ entry: ConfigEntry, _ bounds: ClosedRange<Int64>) throws(RPCError) -> Int64 {
    guard let value = Int64(entry.value), bounds.contains(value) else {
      throw refused("\(entry.name) is '\(entry.value.excerpt)'; it may be \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return value
  }

  private static func refused(_ why: String) -> RPCError {
    RPCError(.invalidArgument, "configuration: \(why)", error: .invalidConfig)
  }
}
