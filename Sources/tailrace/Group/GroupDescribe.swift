import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace group describe`.
struct GroupDescribe: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Show a group: its state, its members, and how far behind it is.",
    discussion: """
      OWNED is what a member reads; where it shall own something else, that follows behind an arrow. COMMITTED is the \
      next offset that the group reads, END that of the next record that comes; LAG are the records between. Total lag \
      counts the partitions in which an offset is stored.

      With --watch it is shown again and again until SIGINT ends it: in place on a terminal, cut to its size; \
      elsewhere one after the other, with an empty line between two. When the broker goes away, that is told, and it \
      goes on once the broker is back. With --output json each is an object on a line: \
      group, state, epoch, assignor, total_lag, members, partitions.

      Examples:
        tailrace group describe billing
        tailrace group describe billing --watch --interval 0.5

      \(ExitStatus.help)
      """)

  @Argument(help: "The group's name.", completion: .groups)
  var group: String

  @Flag(help: "Show it again and again.")
  var watch = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds from one to the next with --watch. (default: 1)", valueName: "seconds"))
  var interval: Seconds?

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func validate() throws {
    guard watch || interval == nil else { throw ValidationError("--interval goes with --watch") }
    if let interval, !(10...86_400_000).contains(interval.ms) {
      throw ValidationError("--interval is 0.01 to 86400 seconds")
    }
  }

  func execute() async throws {
    guard watch else {
      let service = GroupServiceClient(caller: try await client.connect())
      return try StandardOutput.print(lines: await Self.snapshot(group, service).lines(output.format))
    }
    let interruption = try Interruption()
    let client = client
    var watch = GroupWatch(
      group: group, format: output.format, intervalMs: Int32(clamping: interval?.ms ?? 1_000),
      connect: { try await client.connect() }, interruption: interruption)
    try await watch.run()
    throw CommandFailure("", exitCode: interruption.exitCode)
  }

  static func snapshot(
    _ group: String, _ service: GroupServiceClient<Connection>
  ) async throws(RPCError) -> GroupSnapshot {
    GroupSnapshot(
      try await service.describeGroup(DescribeGroupRequest(group: group), options: ClientOptions.callOptions))
  }
}
