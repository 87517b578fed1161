internal import Logging
internal import TailraceStorage
package import TailraceWire

extension TopicRegistry {
  /// Changes a topic's configuration: all of it or nothing, on all partitions at once. The configuration that is in force
  /// afterwards, or would be.
  package func alter(
    name: String, set: [ConfigEntry], unset: [String], validateOnly: Bool
  ) async throws(RPCError) -> TopicConfig {
    try await serially { registry throws(RPCError) in
      let topic = try registry.existing(name)
      let changed = topic.configured(try topic.config.changed(setting: set, unsetting: unset))
      guard !validateOnly, changed.config.entries != topic.config.entries else { return changed.config }
      try await registry.publish(changed, after: topic)
      return changed.config
    }
  }

  /// Writes the topic's record, takes the configuration into use, and shows it. Where it cannot be taken into use, the
  /// record is taken back.
  private func publish(_ topic: Topic, after before: Topic) async throws(RPCError) {
    do throws(StorageError) { try await metadata.put(topic.record) } catch { throw RPCError(error) }
    do throws(StorageError) {
      try await store.configure(topic: topic.id, config: topic.config.log, fence: .local)
    } catch {
      await takeBack(to: before)
      throw RPCError(error)
    }
    table.set(topic)
    logger.info(
      "topic configured", metadata: ["topic": "\(topic.name)", "config": "\(topic.config.summary)"])
  }

  /// Some partitions may have the new configuration. What fails here is put right at the next start.
  private func takeBack(to topic: Topic) async {
    do throws(StorageError) {
      try await metadata.put(topic.record)
      try await store.configure(topic: topic.id, config: topic.config.log, fence: .local)
    } catch {
      logger.error(
        "a failed change of a topic's configuration could not be taken back",
        metadata: ["topic": "\(topic.name)", "topicID": "\(topic.id)", "error": "\(error)"])
    }
  }
}

extension TopicConfig {
  /// "cleanup_policy=compact segment_ms=1000": what is set on the topic.
  fileprivate var summary: String { entries.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
}
