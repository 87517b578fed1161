import ArgumentParser
import TailraceWire

/// `tailrace topic list`.
struct TopicList: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List topics by name.", discussion: ExitStatus.help)

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    var table = Table(["TOPIC", "PARTITIONS"])
    var request = ListTopicsRequest()
    repeat {
      let page = try await admin.listTopics(request, options: ClientOptions.callOptions)
      for topic in page.topics { table.add([topic.name, "\(topic.partitionCount)"]) }
      // A token that does not move on would list for ever.
      guard page.nextPageToken.isEmpty || page.nextPageToken > request.pageToken else {
        throw RPCError(.internalError, "the broker's list of topics does not end")
      }
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    try StandardOutput.print(table.lines.joined(separator: "\n"))
  }
}
