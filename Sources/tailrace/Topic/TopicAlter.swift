import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace topic alter`.
struct TopicAlter: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "alter", abstract: "Change a topic's partitions and settings.",
    discussion: """
      All is checked before anything is changed. Settings are changed together, then partitions are added: \
      'tailrace topic add-partitions' tells what that means for keys. \
      'tailrace config get' shows all settings, and what they mean.

      With --output json there is an object per line: the topic, where it got partitions, as 'tailrace topic list' prints \
      it, then each setting that was named, as 'tailrace config get' does.

      Examples:
        tailrace topic alter clicks --partitions 12 --config retention_ms=86400000
        tailrace topic alter clicks --unset retention_ms --unset durability --dry-run

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var name: String

  @Option(parsing: .unconditional, help: "How many partitions it shall have in all: more than now, at most 10000.")
  var partitions: UInt32?

  @Option(
    help: ArgumentHelp(
      "A setting and the value it shall have. May be given several times.", valueName: "name=value"),
    completion: .settings(suffix: "="))
  var config: [ConfigArgument] = []

  @Option(
    help: ArgumentHelp(
      "A setting to take back to the broker's or the built-in value. May be given several times.", valueName: "name"),
    completion: .settings())
  var unset: [String] = []

  @Flag(help: "Only check the change, and show what would be in force.")
  var dryRun = false

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func validate() throws {
    guard partitions != 0 else { throw ValidationError("--partitions is 0; a topic has at least one") }
    guard partitions != nil || !config.isEmpty || !unset.isEmpty else {
      throw ValidationError("nothing is to be changed: give --partitions, --config or --unset")
    }
    if let both = config.map(\.name).first(where: unset.contains) {
      throw ValidationError("--config and --unset both name '\(both)'")
    }
  }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let checked = try await alter(admin, isCheck: true)
    let (topic, values) = dryRun ? checked : try await alter(admin, isCheck: false)
    if topic != nil, !dryRun { TopicAddPartitions.warnOfKeys(of: name) }
    try StandardOutput.print(lines: lines(topic, values))
    if dryRun && output.format == .text { StandardError.write("tailrace: nothing was changed\n") }
  }

  /// The topic, where partitions are added, and the settings that are named.
  private func alter(
    _ admin: AdminServiceClient<Connection>, isCheck: Bool
  ) async throws(RPCError) -> (TopicSummary?, [ConfigValue]) {
    var topic: TopicSummary?
    var values: [ConfigValue] = []
    // What can be taken back first: where one fails, the other is not made.
    if !config.isEmpty || !unset.isEmpty {
      let names = config.map(\.name) + unset
      values = try await admin.alterConfig(
        AlterConfigRequest(topic: name, set: config.map(\.entry), unset: unset, validateOnly: isCheck),
        options: ClientOptions.callOptions
      ).values.filter { names.contains($0.name) }
    }
    if let partitions {
      topic =
        try await admin.createPartitions(
          CreatePartitionsRequest(name: name, partitionCount: partitions, validateOnly: isCheck),
          options: ClientOptions.callOptions
        ).topic ?? TopicSummary(name: name, partitionCount: partitions)
    }
    return (topic, values)
  }

  private func lines(_ topic: TopicSummary?, _ values: [ConfigValue]) -> [String] {
    var lines: [String] = []
    if let topic {
      switch output.format {
      case .text: lines.append(TopicAddPartitions.text(name, dryRun ? partitions ?? 0 : topic.partitionCount, dryRun))
      case .json: lines.append(JSONWriter.object { $0.members(of: topic) })
      }
    }
    return values.isEmpty ? lines : lines + ConfigValues.lines(values, output.format)
  }
}
