package import TailraceStorage
package import TailraceWire

/// Where the broker keeps what topics there are, and which producers. Locally an internal log; later possibly a shared
/// database. What a call stores is durable when it returns; where it throws, it may be stored all the same.
package protocol MetadataStore: Sendable {
  /// Topics in which the store keeps what it knows: shown to everybody, changed by nobody else.
  var ownTopics: [Topic] { get }

  /// All that is known.
  func load() async throws(StorageError) -> MetadataSnapshot

  /// Stores a topic, new or changed.
  func put(_ topic: TopicRecord) async throws(StorageError)

  /// Forgets a topic, and notes in the same step that its data is to be dropped.
  func remove(_ topic: TopicRecord) async throws(StorageError)

  /// Forgets that a topic's data is to be dropped: it is.
  func noteDropped(_ topic: TopicID) async throws(StorageError)

  /// Stores how far producer ids may be handed out.
  func put(_ block: ProducerIDBlock) async throws(StorageError)

  /// Stores a producer with a name, new or in a new epoch.
  func put(_ producer: ProducerRecord) async throws(StorageError)
}

/// What a metadata store knows.
package struct MetadataSnapshot: Sendable {
  /// By name.
  package var topics: [String: TopicRecord] = [:]
  /// Names of topics that were deleted and not made anew, as far back as the store remembers them.
  package var deletedNames: Set<String> = []
  /// Topics that were deleted, and whose data may still be there; with their names.
  package var dropping: [TopicID: String] = [:]
  /// No producer id from here on was handed out.
  package var nextProducerID: Int64 = 1
  /// By name.
  package var producers: [String: ProducerRecord] = [:]

  package init() {}
}
