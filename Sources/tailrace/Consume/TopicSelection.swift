import TailraceBroker
import TailraceClient
import TailraceWire

/// Which topics are read without a group: those named, or all that match a pattern when this begins.
enum TopicSelection {
  case names([String])
  case pattern(String)

  /// By name, each once. Fails with NOT_FOUND where nothing matches a pattern.
  func topics(over connection: Connection) async throws -> [String] {
    switch self {
    case .names(let names):
      var seen: Set<String> = []
      return names.filter { seen.insert($0).inserted }
    case .pattern(let text):
      let pattern = try TopicPattern(text)
      let topics = try await AdminServiceClient(caller: connection).allTopics().filter { pattern.matches($0) }
      guard !topics.isEmpty else {
        throw CommandFailure(RPCError(.notFound, "no topic matches '\(text)'; see 'tailrace topic list'"))
      }
      return topics
    }
  }
}

extension AdminServiceClient {
  /// The names of all topics, by name.
  fileprivate func allTopics() async throws(RPCError) -> [String] {
    var topics: [String] = []
    var request = ListTopicsRequest()
    repeat {
      let page = try await listTopics(request, options: ClientOptions.callOptions)
      topics += page.topics.map(\.name)
      // A token that does not move on would list for ever.
      guard page.nextPageToken.isEmpty || page.nextPageToken > request.pageToken else {
        throw RPCError(.internalError, "the broker's list of topics does not end")
      }
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    return topics
  }
}
