import ArgumentParser
import TailraceWire

/// `tailrace topic add-partitions`.
struct TopicAddPartitions: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "add-partitions", abstract: "Give a topic more partitions. There is no way back.",
    discussion: """
      Keys map to other partitions from then on: the records of a key are in order before and after, but not across.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.")
  var name: String

  @Option(parsing: .unconditional, help: "How many partitions it shall have in all: more than now, at most 10000.")
  var partitions: UInt32

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func validate() throws {
    guard partitions > 0 else { throw ValidationError("--partitions is 0; a topic has at least one") }
  }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let response = try await admin.createPartitions(
      CreatePartitionsRequest(name: name, partitionCount: partitions), options: ClientOptions.callOptions)
    StandardError.write(
      "tailrace: warning: keys of '\(name)' map to other partitions from now on, so the order of a key's records holds"
        + " only among those before and those after this change\n")
    try StandardOutput.print(
      "topic '\(name)' has \(partitionsText(response.topic?.partitionCount ?? partitions)) now")
  }
}
