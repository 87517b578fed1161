package import TailraceStorage
internal import TailraceWire

/// The methods of LogService that are not on the hot path; the rest answers UNIMPLEMENTED.
package struct LogHandlers: LogServiceHandler {
  let topics: TopicTable
  let store: any LogStore
  let producers: ProducerRegistry

  package init(topics: TopicTable, store: any LogStore, producers: ProducerRegistry) {
    self.topics = topics
    self.store = store
    self.producers = producers
  }
}
