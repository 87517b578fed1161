import ArgumentParser
import TailraceWire

/// `tailrace topic create`.
struct TopicCreate: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Create a topic.", discussion: ExitStatus.help)

  @Argument(help: "1 to 200 letters, digits, dots, underscores and dashes.")
  var name: String

  @Option(parsing: .unconditional, help: "How many partitions, 1 to 10000.")
  var partitions: UInt32 = 1

  @Option(
    help: ArgumentHelp(
      "A setting that shall differ from its default, such as durability=os. May be given several times.",
      valueName: "name=value"))
  var config: [ConfigArgument] = []

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func validate() throws {
    guard partitions > 0 else { throw ValidationError("--partitions is 0; a topic has at least one") }
  }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let response = try await admin.createTopic(
      CreateTopicRequest(
        name: name, partitionCount: partitions, config: config.map { ConfigEntry(name: $0.name, value: $0.value) }),
      options: ClientOptions.callOptions)
    try StandardOutput.print(
      "created topic '\(name)' with \(partitionsText(response.topic?.partitionCount ?? partitions))")
  }
}

/// "1 partition", "3 partitions".
func partitionsText(_ count: UInt32) -> String { count == 1 ? "1 partition" : "\(count) partitions" }
