import ArgumentParser
import TailraceWire

/// `tailrace topic describe`.
struct TopicDescribe: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Show a topic's settings, and its partitions as they stand.",
    discussion: """
      START is the lowest offset that is there; END is that of the next record that can be read; DURABLE is the end of \
      what is on disk; BYTES is what its segments take there. Offsets lie between START and END; where a topic is \
      compacted, not each of them has a record. Settings that have their default are not shown.

      With --output json there is an object: name, id, partition_count, internal, created_at, size_bytes, config (name, \
      value), partitions (partition, start, end, durable_end, size_bytes, segments, epoch, fault).

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var name: String

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let topic = try await admin.describeTopic(DescribeTopicRequest(name: name), options: ClientOptions.callOptions)
    try StandardOutput.print(lines: TopicFigures(topic).lines(output.format))
  }
}
