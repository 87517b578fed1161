import ArgumentParser
import TailraceWire

/// `tailrace topic delete`.
struct TopicDelete: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete a topic with all that is in it, without asking.",
    discussion: ExitStatus.help)

  @Argument(help: "The topic's name.")
  var name: String

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    _ = try await admin.deleteTopic(DeleteTopicRequest(name: name), options: ClientOptions.callOptions)
    try StandardOutput.print("deleted topic '\(name)'")
  }
}
