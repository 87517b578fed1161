internal import NIOCore
internal import TailraceWire

extension Group {
  /// Topics came, grew or went. To be called before such a change is answered to whoever made it, and with all topics
  /// there are: offsets of others are forgotten.
  package mutating func topicsChanged(_ topics: TopicCatalog, now: Int64) -> GroupOutcome<Void> {
    note(now)
    self.topics = topics
    subscriptions.resolve(topics)
    let isStale = isTargetStale
    dropGoneTopics()
    if isStale {
      bumpEpoch()
      retarget()
    }
    answerNews()
    return finish(.success(()))
  }

  /// Nobody owns or shall own a topic that is gone, and nobody needs to let it go. Its offsets go too.
  mutating func dropGoneTopics() {
    for partition in offsets.keys.filter({ topics[$0.topic] == nil }).sorted() { forget(partition) }
    for partition in target.keys.filter({ topics[$0.topic] == nil }).sorted() { move(partition, to: nil) }
    for partition in owners.keys.filter({ topics[$0.topic] == nil }).sorted() {
      guard let owner = owners[partition] else { continue }
      release(CollectionOfOne(partition), of: owner)
      members[owner]?.isUntold = true
      changes.touched.append(owner)
    }
  }

  /// The topic of an id, or of a name where the id is empty. Nil: there is none. Throws where the id is malformed.
  func topic(_ id: ByteBuffer, name: String) throws(GroupError) -> TopicCatalog.Topic? {
    guard id.readableBytes > 0 else { return topics[name] }
    guard let topic = TopicID(id) else {
      throw GroupError(.invalid, "a topic_id has \(id.readableBytes) bytes; \(TopicID.byteCount) are needed, or none")
    }
    return topics[topic]
  }
}
