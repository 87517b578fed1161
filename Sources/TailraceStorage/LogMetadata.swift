internal import Logging

/// The keys of storage's log lines.
enum MetadataKey: String {
  case bytes
  case count
  case directory
  case error
  case file
  case offset
  case partition
  case position
  case reason
}

extension Logger.Metadata {
  /// Metadata under the names of `MetadataKey`.
  static func keys(_ pairs: KeyValuePairs<MetadataKey, String>) -> Logger.Metadata {
    Logger.Metadata(uniqueKeysWithValues: pairs.map { ($0.key.rawValue, .string($0.value)) })
  }
}
