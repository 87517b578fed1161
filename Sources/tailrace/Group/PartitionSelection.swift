import ArgumentParser

/// Partitions of a topic, given as TOPIC, for all of them, or as TOPIC:0,1,4-7.
struct PartitionSelection: ExpressibleByArgument, Hashable, Sendable {
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
    guard !topic.isEmpty, let list = PartitionList(argument[argument.index(after: colon)...]) else { return nil }
    partitions = list.partitions
  }
}
