import ArgumentParser
import TailraceWire

/// `tailrace topic create`.
struct TopicCreate: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Create a topic.",
    discussion: """
      With --output json the topic is printed as 'tailrace topic list' does.

      \(ExitStatus.help)
      """)

  @Argument(help: "1 to 200 letters, digits, dots, underscores and dashes.")
  var name: String

  @Option(parsing: .unconditional, help: "How many partitions, 1 to 10000.")
  var partitions: UInt32 = 1

  @Option(
    help: ArgumentHelp(
      "A setting that shall differ from its default, such as durability=os. May be given several times.",
      valueName: "name=value"), completion: .settingNames)
  var config: [ConfigArgument] = []

  @Flag(help: "Only check whether it could be created.")
  var dryRun = false

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func validate() throws {
    guard partitions > 0 else { throw ValidationError("--partitions is 0; a topic has at least one") }
  }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let response = try await admin.createTopic(
      CreateTopicRequest(
        name: name, partitionCount: partitions, config: config.map(\.entry), validateOnly: dryRun),
      options: ClientOptions.callOptions)
    let topic = response.topic ?? TopicSummary(name: name, partitionCount: partitions)
    switch output.format {
    case .text:
      let count = partitionsText(topic.partitionCount)
      try StandardOutput.print(
        dryRun ? "topic '\(name)' with \(count) could be created" : "created topic '\(name)' with \(count)")
    case .json: try StandardOutput.print(JSONWriter.object { $0.members(of: topic) })
    }
  }
}
