import ArgumentParser
import TailraceWire

/// `tailrace topic add-partitions`.
struct TopicAddPartitions: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "add-partitions", abstract: "Give a topic more partitions. There is no way back.",
    discussion: """
      Keys map to other partitions from then on: the records of a key are in order before and after, but not across.

      With --output json the topic is printed as 'tailrace topic list' does.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var name: String

  @Option(parsing: .unconditional, help: "How many partitions it shall have in all: more than now, at most 10000.")
  var partitions: UInt32

  @Flag(help: "Only check whether they could be added.")
  var dryRun = false

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func validate() throws {
    guard partitions > 0 else { throw ValidationError("--partitions is 0; a topic has at least one") }
  }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let response = try await admin.createPartitions(
      CreatePartitionsRequest(name: name, partitionCount: partitions, validateOnly: dryRun),
      options: ClientOptions.callOptions)
    let topic = response.topic ?? TopicSummary(name: name, partitionCount: partitions)
    if !dryRun { Self.warnOfKeys(of: name) }
    switch output.format {
    case .text: try StandardOutput.print(Self.text(name, dryRun ? partitions : topic.partitionCount, dryRun))
    case .json: try StandardOutput.print(JSONWriter.object { $0.members(of: topic) })
    }
  }

  /// What is printed of a topic that has so many partitions now, or could have.
  static func text(_ name: String, _ partitions: UInt32, _ isDryRun: Bool) -> String {
    isDryRun
      ? "topic '\(name)' could have \(partitionsText(partitions))"
      : "topic '\(name)' has \(partitionsText(partitions)) now"
  }

  /// Tells what more partitions mean for keys.
  static func warnOfKeys(of name: String) {
    StandardError.write(
      "tailrace: warning: keys of '\(name)' map to other partitions from now on, so the order of a key's records holds"
        + " only among those before and those after this change\n")
  }
}
