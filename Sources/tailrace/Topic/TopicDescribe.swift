import ArgumentParser
import TailraceWire

/// `tailrace topic describe`.
struct TopicDescribe: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Show a topic's settings, and its partitions as they stand.",
    discussion: """
      START is the lowest offset that is there; END is that of the next record that can be read; DURABLE is the end of \
      what is on disk. Settings that have their default are not shown.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.")
  var name: String

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let topic = try await admin.describeTopic(DescribeTopicRequest(name: name), options: ClientOptions.callOptions)
    try StandardOutput.print(Self.lines(topic).joined(separator: "\n"))
  }

  /// What is printed.
  static func lines(_ topic: DescribeTopicResponse) -> [String] {
    let id = topic.topic.flatMap { TopicID($0.topicID) }
    let settings = topic.config.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    var table = Table(["PARTITION", "START", "END", "DURABLE", "BYTES", "SEGMENTS", "EPOCH"])
    var faults: [String] = []
    for partition in topic.partitions {
      table.add([
        "\(partition.partition)", "\(partition.logStartOffset)", "\(partition.highWatermark)",
        "\(partition.durableEndOffset)", "\(partition.sizeBytes)", "\(partition.segmentCount)",
        "\(partition.partitionEpoch)",
      ])
      if !partition.fault.isEmpty { faults.append("fault of partition \(partition.partition): \(partition.fault)") }
    }
    return [
      "topic:      \(topic.topic?.name ?? "")", "id:         \(id.map { "\($0)" } ?? "-")",
      "created:    \(Timestamp.format(topic.createdAtMs))", "partitions: \(topic.partitions.count)",
      "config:     \(settings.isEmpty ? "-" : settings)", "",
    ] + table.lines + faults
  }
}
