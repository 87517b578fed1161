import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace topic`: topics and their partitions.
struct TopicCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topic", abstract: "Create, list, describe, change, trim and delete topics.",
    discussion: """
      'tailrace config' shows and changes the settings of topics.

      \(ExitStatus.help)
      """,
    subcommands: [
      TopicCreate.self, TopicList.self, TopicDescribe.self, TopicAlter.self, TopicAddPartitions.self, TopicTrim.self,
      TopicDelete.self,
    ])
}

/// "1 partition", "3 partitions".
func partitionsText(_ count: UInt32) -> String { count == 1 ? "1 partition" : "\(count) partitions" }

extension AdminServiceClient {
  /// All topics by name, page by page.
  func allTopics(prefix: String = "", includeInternal: Bool = false) async throws(RPCError) -> [TopicSummary] {
    var topics: [TopicSummary] = []
    var request = ListTopicsRequest(includeInternal: includeInternal, prefix: prefix)
    repeat {
      let page = try await listTopics(request, options: ClientOptions.callOptions)
      topics += page.topics
      // A token that does not move on would list for ever.
      guard page.nextPageToken.isEmpty || page.nextPageToken > request.pageToken else {
        throw RPCError(.internalError, "the broker's list of topics does not end")
      }
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    return topics
  }
}

extension JSONWriter {
  /// Writes a topic in short as members of the present object: name, id, partition_count, internal.
  mutating func members(of topic: TopicSummary) {
    member("name", topic.name)
    member("id", TopicID(topic.topicID).map { "\($0)" })
    member("partition_count", topic.partitionCount)
    member("internal", topic.internal)
  }
}
