package import TailraceStorage
package import TailraceWire

/// Where the broker keeps what topics there are. Locally an internal log; later possibly a shared database.
package protocol MetadataStore: Sendable {
  /// Topics in which the store keeps what it knows: shown to everybody, changed by nobody else.
  var ownTopics: [Topic] { get }

  /// All that is known.
  func load() async throws(StorageError) -> MetadataSnapshot

  /// Stores a topic, new or changed, durably.
  func put(_ topic: TopicRecord) async throws(StorageError)

  /// Forgets a topic, durably.
  func remove(topicNamed name: String) async throws(StorageError)
}

/// What a metadata store knows.
package struct MetadataSnapshot: Sendable {
  /// By name.
  package var topics: [String: TopicRecord] = [:]
  /// Names of topics that were deleted and not made anew.
  package var deletedNames: Set<String> = []

  package init() {}
}
