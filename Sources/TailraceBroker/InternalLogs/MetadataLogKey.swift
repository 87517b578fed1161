internal import NIOCore
internal import TailraceWire

/// What a record of the metadata log is about: see `LogMetadataStore`.
enum MetadataLogKey: Hashable {
  case topic(String)
  case dropping(TopicID)
  case producerIDs
  case producer(String)

  private static let topicPrefix = "topic/"
  private static let droppingPrefix = "dropping/"
  private static let producerIDsText = "producer-ids"
  private static let producerPrefix = "producer/"

  /// Nil for keys of a later release.
  init?(_ text: String) {
    if text.hasPrefix(Self.topicPrefix) {
      self = .topic(String(text.dropFirst(Self.topicPrefix.count)))
    } else if text.hasPrefix(Self.producerPrefix) {
      self = .producer(String(text.dropFirst(Self.producerPrefix.count)))
    } else if text == Self.producerIDsText {
      self = .producerIDs
    } else if text.hasPrefix(Self.droppingPrefix),
      let id = TopicID(hexadecimal: text.dropFirst(Self.droppingPrefix.count))
    {
      self = .dropping(id)
    } else {
      return nil
    }
  }

  var text: String {
    switch self {
    case .topic(let name): Self.topicPrefix + name
    case .dropping(let id): Self.droppingPrefix + "\(id)"
    case .producerIDs: Self.producerIDsText
    case .producer(let name): Self.producerPrefix + name
    }
  }
}

extension MetadataSnapshot {
  /// Takes in a record of the log; false where the value is not what belongs to the key.
  mutating func apply(_ key: MetadataLogKey, _ value: ByteBuffer?) -> Bool {
    switch key {
    case .topic(let name):
      guard let value else {
        topics[name] = nil
        deletedNames.insert(name)
        return true
      }
      guard let topic = try? TopicRecord(decoding: value) else { return false }
      topics[name] = topic
      deletedNames.remove(name)
    case .dropping(let id):
      guard let value else {
        dropping[id] = nil
        return true
      }
      guard let topic = try? TopicRecord(decoding: value) else { return false }
      dropping[id] = topic.name
    case .producerIDs:
      guard let value, let block = try? ProducerIDBlock(decoding: value), block.nextProducerID > 0 else { return false }
      nextProducerID = max(nextProducerID, block.nextProducerID)
    case .producer(let name):
      guard let value else {
        producers[name] = nil
        return true
      }
      guard let producer = try? ProducerRecord(decoding: value), producer.name == name, producer.producerID > 0 else {
        return false
      }
      producers[name] = producer
    }
    return true
  }
}
