internal import Logging

/// The keys of storage's log lines.
enum MetadataKey: String {
  case bytes
  case bytesChecked
  case bytesCut
  case count
  case directory
  case error
  case faulty
  case file
  case milliseconds
  case offset
  case partition
  case partitions
  case passes
  case position
  case reason
  case records
  case recovered
  case segments
  case tombstones
}

extension Logger.Metadata {
  /// Metadata under the names of `MetadataKey`.
  static func keys(_ pairs: KeyValuePairs<MetadataKey, String>) -> Logger.Metadata {
    Logger.Metadata(uniqueKeysWithValues: pairs.map { ($0.key.rawValue, .string($0.value)) })
  }
}
