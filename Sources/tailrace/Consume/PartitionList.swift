import ArgumentParser

/// Partitions, given as numbers and ranges: `0,1,4-7`.
struct PartitionList: ExpressibleByArgument, Hashable, Sendable {
  /// More partitions than any topic has.
  private static let maxPartitions = 10_000

  /// In ascending order, each once, at least one.
  let partitions: [UInt32]

  /// Nil unless `argument` is such a list, of at most 10,000 partitions.
  init?(argument: String) { self.init(argument[...]) }

  init?(_ text: Substring) {
    var chosen: Set<UInt32> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let range = Self.range(part), chosen.count + range.count <= Self.maxPartitions else { return nil }
      chosen.formUnion(range)
    }
    guard !chosen.isEmpty else { return nil }
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
