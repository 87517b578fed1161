internal import TailraceWire

/// The different subscriptions of a group, and the topics that each stands for. Members mostly share one: what it names
/// is kept once, looked up once, and its pattern matched once.
struct SubscriptionTable: Sendable {
  private struct Entry {
    let subscription: Subscription
    var memberCount = 0
    /// The topics that exist, by id.
    var topics: [TopicID: TopicCatalog.Topic]
  }

  private var keys: [Subscription: Int] = [:]
  private var entries: [Int: Entry] = [:]
  private var nextKey = 0
  /// Topics named by all subscriptions together, whether they exist or not.
  private(set) var namedTopics = 0
  private(set) var patterns = 0

  subscript(key: Int) -> Subscription? { entries[key]?.subscription }

  func key(of subscription: Subscription) -> Int? { keys[subscription] }

  /// Members times the topics that each subscribes to, and that exist.
  var subscribedTopics: Int { entries.values.reduce(0) { $0 + $1.memberCount * $1.topics.count } }

  /// The topics that exist of the subscription with this key.
  func topicCount(of key: Int) -> Int { entries[key]?.topics.count ?? 0 }

  /// The topics that exist of a subscription.
  func topicCount(of subscription: Subscription, _ catalog: TopicCatalog) -> Int {
    keys[subscription].flatMap { entries[$0]?.topics.count } ?? catalog.topics(of: subscription).count
  }

  /// Whether a member with this subscription reads the topic.
  func includes(_ topic: TopicID, _ key: Int) -> Bool { entries[key]?.topics[topic] != nil }

  /// Notes one member more with this subscription, and returns its key.
  mutating func add(_ subscription: Subscription, _ catalog: TopicCatalog) -> Int {
    if let key = keys[subscription] {
      entries[key]?.memberCount += 1
      return key
    }
    let key = nextKey
    nextKey += 1
    keys[subscription] = key
    entries[key] = Entry(
      subscription: subscription, memberCount: 1, topics: Self.topics(subscription, catalog))
    count(subscription, by: 1)
    return key
  }

  /// Notes one member less with this subscription.
  mutating func remove(_ key: Int) {
    guard let entry = entries[key] else { return }
    guard entry.memberCount <= 1 else {
      entries[key]?.memberCount -= 1
      return
    }
    entries[key] = nil
    keys[entry.subscription] = nil
    count(entry.subscription, by: -1)
  }

  /// Looks everything up anew.
  mutating func resolve(_ catalog: TopicCatalog) {
    for (key, entry) in entries { entries[key]?.topics = Self.topics(entry.subscription, catalog) }
  }

  /// All topics that are subscribed to, by name, and for each key the places among them, ascending.
  func places() -> (topics: [TopicCatalog.Topic], places: [Int: [Int]]) {
    var union: [TopicID: TopicCatalog.Topic] = [:]
    for entry in entries.values { union.merge(entry.topics) { first, _ in first } }
    let topics = union.values.sorted { $0.name < $1.name }
    var placeOf: [TopicID: Int] = [:]
    for (place, topic) in topics.enumerated() { placeOf[topic.id] = place }
    return (topics, entries.mapValues { $0.topics.keys.compactMap { placeOf[$0] }.sorted() })
  }

  private mutating func count(_ subscription: Subscription, by change: Int) {
    switch subscription {
    case .names(let names): namedTopics += change * names.count
    case .pattern: patterns += change
    }
  }

  private static func topics(
    _ subscription: Subscription, _ catalog: TopicCatalog
  ) -> [TopicID: TopicCatalog.Topic] {
    Dictionary(catalog.topics(of: subscription).map { ($0.id, $0) }) { first, _ in first }
  }
}
