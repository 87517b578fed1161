import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace config set`.
struct ConfigSet: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Set settings of a topic, and show what is in force then.",
    discussion: """
      \(SettingUnits.help)

      \(ConfigValues.help)

      Examples:
        tailrace config set clicks retention_ms=7d cleanup_policy=compact,delete
        tailrace config set clicks segment_bytes=512MiB --dry-run

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var topic: String

  @Argument(help: ArgumentHelp("The settings.", valueName: "name=value"), completion: .settings(suffix: "="))
  var settings: [ConfigArgument]

  @OptionGroup var change: ConfigChange

  var client: ClientOptions { change.client }
  var topicName: String? { topic }

  func execute() async throws {
    try await change.make(AlterConfigRequest(topic: topic, set: settings.map(\.entry)), changed: settings.map(\.name))
  }
}

/// `tailrace config unset`.
struct ConfigUnset: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "unset", abstract: "Take settings of a topic back to the broker's or the built-in value.",
    discussion: """
      \(ConfigValues.help)

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var topic: String

  @Argument(help: "The settings.", completion: .settings())
  var names: [String]

  @OptionGroup var change: ConfigChange

  var client: ClientOptions { change.client }
  var topicName: String? { topic }

  func execute() async throws {
    try await change.make(AlterConfigRequest(topic: topic, unset: names), changed: names)
  }
}

/// What changes of settings take.
struct ConfigChange: ParsableArguments {
  @Flag(help: "Only check the change, and show what would be in force.")
  var dryRun = false

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  /// Makes a change, or checks it, and shows the values of the settings changed.
  func make(_ request: AlterConfigRequest, changed names: [String]) async throws {
    var request = request
    request.validateOnly = dryRun
    let admin = AdminServiceClient(caller: try await client.connect())
    let values = try await admin.alterConfig(request, options: ClientOptions.callOptions).values
    try StandardOutput.print(lines: ConfigValues.lines(values.filter { names.contains($0.name) }, output.format))
    if dryRun && output.format == .text { StandardError.write("tailrace: nothing was changed\n") }
  }
}
