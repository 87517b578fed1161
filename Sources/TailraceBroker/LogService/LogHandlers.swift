package import TailraceStorage
internal import TailraceWire

/// The methods of LogService that are not on the hot path; the rest answers UNIMPLEMENTED.
package struct LogHandlers: LogServiceHandler {
  let topics: TopicTable
  let store: any LogStore

  package init(topics: TopicTable, store: any LogStore) {
    self.topics = topics
    self.store = store
  }
}
