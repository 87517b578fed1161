import ArgumentParser
import TailraceWire

/// `tailrace cluster`: the broker itself.
struct ClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "Describe the broker.", discussion: ExitStatus.help,
    subcommands: [ClusterDescribe.self])
}

/// `tailrace cluster describe`.
struct ClusterDescribe: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Show the broker's version, its room on disk, its bounds and its methods.",
    discussion: """
      With --output json there is an object: id, version, uptime_ms, time, topic_count, disk (available_bytes, \
      reserve_bytes; null where the broker does not tell), limits, features, methods (name, implemented, \
      server_streaming). A limit of 0 is none.

      \(ExitStatus.help)
      """)

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    let admin = AdminServiceClient(caller: try await client.connect())
    let cluster = try await admin.describeCluster(DescribeClusterRequest(), options: ClientOptions.callOptions)
    try StandardOutput.print(lines: ClusterFigures(cluster).lines(output.format))
  }
}
