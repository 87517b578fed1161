import ArgumentParser
import NIOCore
import TailraceClient

/// Which records are printed: those that meet all that is asked.
struct RecordFilter {
  /// Byte for byte.
  var key: ByteBuffer?
  /// Matches somewhere in the value as it is printed.
  var value: BytePattern?
  var headers: [HeaderFilter] = []

  /// Whether all but the value is as asked.
  func admits(_ record: ConsumerRecord) -> Bool {
    if let key, record.key != key { return false }
    return headers.allSatisfy { wanted in record.headers.contains { wanted.matches($0) } }
  }

  /// `value`: as it is printed. Whether it is as asked.
  func admits(value: ByteBuffer?) -> Bool {
    guard let pattern = self.value else { return true }
    return value.map(pattern.matches) ?? false
  }
}

/// A header that has to be there, given as NAME or NAME=VALUE.
struct HeaderFilter: ExpressibleByArgument, Hashable, Sendable {
  let name: String
  /// Nil: any.
  let value: ByteBuffer?

  /// Nil where there is no name.
  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, !name.isEmpty else { return nil }
    self.name = String(name)
    value = parts.count > 1 ? ByteBuffer(substring: parts[1]) : nil
  }

  func matches(_ header: RecordHeader) -> Bool {
    header.name == name && (value == nil || header.value == value)
  }
}
