import ArgumentParser
import TailraceWire

/// `tailrace topic list`.
struct TopicList: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List topics by name.",
    discussion: """
      With --output json there is an object per line: name, id, partition_count, internal.

      \(ExitStatus.help)
      """)

  @Option(parsing: .unconditional, help: "Only topics whose names begin so.")
  var prefix: String = ""

  @Flag(help: "The broker's own topics, too.")
  var `internal` = false

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let topics = try await admin.allTopics(prefix: prefix, includeInternal: `internal`)
    try StandardOutput.print(lines: Self.lines(topics, output.format))
  }

  /// What is printed.
  static func lines(_ topics: [TopicSummary], _ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["TOPIC", "PARTITIONS"])
      for topic in topics { table.add([topic.name.withoutControls, "\(topic.partitionCount)"]) }
      return table.lines
    case .json: return topics.map { topic in JSONWriter.object { $0.members(of: topic) } }
    }
  }
}
