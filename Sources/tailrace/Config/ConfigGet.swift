import ArgumentParser
import TailraceWire

/// `tailrace config get`.
struct ConfigGet: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Show a topic's settings: the values in force, and where they come from.",
    discussion: """
      A value comes from the topic, the broker (serve --topic-default), or is the built-in default.

      \(ConfigValues.help)

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var topic: String

  @Argument(help: "Only these settings. (default: all)", completion: .settings())
  var names: [String] = []

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { topic }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let values = try await admin.describeConfig(
      DescribeConfigRequest(topic: topic), options: ClientOptions.callOptions
    ).values
    for name in names where !values.contains(where: { $0.name == name }) {
      throw CommandFailure(
        RPCError(
          .invalidArgument, "there is no setting '\(name)'; there are \(values.map(\.name).joined(separator: ", "))",
          error: .invalidConfig))
    }
    let shown = names.isEmpty ? values : values.filter { names.contains($0.name) }
    try StandardOutput.print(lines: ConfigValues.lines(shown, output.format))
  }
}
