import ArgumentParser
import TailraceWire

/// `tailrace topic config`.
struct TopicConfigure: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Show a topic's settings, or change them.",
    discussion: """
      Shows every setting with the value in force and where that comes from: topic, broker (serve --topic-default) or \
      default. With --set or --unset these settings are changed before, all of them or none, at once and without a \
      restart. --format json also tells what each setting means and may be, an object per line.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "A setting to set, such as retention_ms=86400000. May be given several times.", valueName: "name=value"))
  var set: [ConfigArgument] = []

  @Option(
    help: ArgumentHelp(
      "A setting to take back to the broker's or the built-in value. May be given several times.", valueName: "name"))
  var unset: [String] = []

  @Flag(help: "Only check the changes, and show what would be in force.")
  var validateOnly = false

  @Option(help: "text or json.")
  var format: RecordFormat = .text

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func execute() async throws {
    try StandardOutput.print(Self.lines(try await values(), format: format).joined(separator: "\n"))
  }

  /// What is in force, after the changes where there are any.
  private func values() async throws -> [ConfigValue] {
    let admin = AdminServiceClient(caller: try await client.connect())
    guard !set.isEmpty || !unset.isEmpty || validateOnly else {
      return try await admin.describeConfig(DescribeConfigRequest(topic: name), options: ClientOptions.callOptions)
        .values
    }
    return try await admin.alterConfig(
      AlterConfigRequest(
        topic: name, set: set.map { ConfigEntry(name: $0.name, value: $0.value) }, unset: unset,
        validateOnly: validateOnly), options: ClientOptions.callOptions
    ).values
  }

  /// What is printed.
  static func lines(_ values: [ConfigValue], format: RecordFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["NAME", "VALUE", "SOURCE"])
      for value in values { table.add([value.name, value.value, source(value.source)]) }
      return table.lines
    case .json: return values.map(json)
    }
  }

  private static func json(_ value: ConfigValue) -> String {
    var json = JSONWriter()
    json.beginObject()
    for (name, text) in [
      ("name", value.name), ("value", value.value), ("source", source(value.source)),
      ("documentation", value.documentation),
    ] {
      json.name(name)
      json.string(text)
    }
    json.endObject()
    return json.text
  }

  /// "topic", "broker", "default".
  private static func source(_ source: ConfigSource) -> String {
    switch source {
    case .topic: "topic"
    case .broker: "broker"
    case .default: "default"
    default: "-"
    }
  }
}
