package import TailraceWire

/// The topics that consumers may read, as they stand at one moment: what names, ids and patterns are looked up in. A
/// cheap copy.
package struct TopicCatalog: Sendable {
  package typealias Topic = AssignmentProblem.Topic
  /// Whether a pattern matches a whole topic name. The same answer each time.
  package typealias Match = @Sendable (_ pattern: String, _ topic: String) -> Bool

  /// The longest pattern, in bytes of UTF-8.
  package static let maxPatternBytes = 1_024

  private let topics: [TopicID: Topic]
  private let names: [String: TopicID]
  private let matches: Match

  /// `topics`: all that consumers may read; each id and each name once. Internal topics are to be left out.
  package init(_ topics: [Topic], matches: @escaping Match) {
    self.topics = Dictionary(topics.map { ($0.id, $0) }) { first, _ in first }
    names = Dictionary(topics.map { ($0.name, $0.id) }) { first, _ in first }
    self.matches = matches
  }

  package subscript(id: TopicID) -> Topic? { topics[id] }

  package subscript(name: String) -> Topic? { names[name].flatMap { topics[$0] } }

  /// Whether there is such a partition.
  package func has(_ partition: PartitionID) -> Bool {
    topics[partition.topic].map { partition.index < $0.partitionCount } ?? false
  }

  /// The topics that exist of those subscribed to, in no order.
  func topics(of subscription: Subscription) -> [Topic] {
    switch subscription {
    case .names(let names): names.compactMap { self[$0] }
    case .pattern(let pattern): topics.values.filter { matches(pattern, $0.name) }
    }
  }
}
