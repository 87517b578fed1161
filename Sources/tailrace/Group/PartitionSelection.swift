import ArgumentParser

/// Partitions of a topic, given as TOPIC, for all of them, or as TOPIC:0,1,4-7.
struct PartitionSelection: ExpressibleByArgument, Hashable, Sendable {
  /// More partitions than any topic has.
  private static let maxPartitions = 10_000

  let topic: String
  /// In ascending order, each once; nil: all that the topic has.
  let partitions: [UInt32]?

  /// Nil unless `argument` is one of the two forms, with at most 10,000 partitions. Topic names have no colons.
  init?(argument: String) {
    guard let colon = argument.firstIndex(of: ":") else {
      guard !argument.isEmpty else { return nil }
      topic = argument
      partitions = nil
      return
    }
    topic = String(argument[..<colon])
    var chosen: Set<UInt32> = []
    for part in argument[argument.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false) {
      guard let range = Self.range(part), chosen.count + range.count <= Self.maxPartitions else { return nil }
      chosen.formUnion(range)
    }
    guard !topic.isEmpty, !chosen.isEmpty else { return nil }
    partitions = chosen.sorted()
  }

  /// "3" or "4-7", at most 10,000 numbers.
  private static func range(_ text: Substring) -> ClosedRange<UInt32>? {
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(number)
    guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last,
      last - first < UInt32(maxPartitions)
    else { return nil }
    return first...last
  }

  private static func number(_ text: Substring) -> UInt32? {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return UInt32(text)
  }
}
