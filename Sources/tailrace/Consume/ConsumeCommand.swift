import ArgumentParser
import Foundation
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace consume`.
struct ConsumeCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "consume", abstract: "Print topics' records.",
    discussion: """
      Prints the value of each record and a line feed, or with --format json an object per line: topic, partition, \
      offset, timestamp (milliseconds since 1970), key, value, headers (an array of objects of key and value). What is \
      absent is null; bytes that are not UTF-8 come as key_base64 or value_base64 instead. Records of a partition come \
      in their order; those of several partitions come mixed.

      Goes on with new records until it is stopped, unless told otherwise. SIGINT ends it between two records.

      With --group, processes of the same group share the partitions of one or more topics, and the group remembers \
      how far each was read: at least all that a process has printed when it ends, and while it runs what it has \
      printed a second ago. So no record is lost, and after a crash some come twice. A process begins where the group \
      was, and at --from in partitions that the group has never read. SIGINT and SIGTERM commit and leave the group, \
      once what is being written is written; a second one ends at once, also where the output's reader is stuck. When the broker is away it waits for it. A process that another \
      one with the same --instance-id has replaced ends with 17.

      Examples:
        tailrace consume orders --from 2026-01-31 --exit-at-end
        tailrace consume --group billing orders refunds
        tailrace consume --group audit --topic-pattern 'orders-.*' --format json

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name; with --group, of one or more topics.")
  var topics: [String] = []

  @Option(parsing: .unconditional, help: "Read only this partition.")
  var partition: UInt32?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Where to begin in each partition: beginning, end, an offset, or a time such as 2026-01-31T23:59:59Z (UTC unless"
        + " it says otherwise). With --group: no offset, and only where none is stored.", valueName: "position"))
  var from: StartPosition = .beginning

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Stop after this many records.", valueName: "records"))
  var max: Int?

  @Flag(
    help: ArgumentHelp(
      "Stop at what was the end of each partition when this began; with --group, when it was given the partition, once"
        + " nobody in the group waits for one."))
  var exitAtEnd = false

  @Option(help: "text or json.")
  var format: RecordFormat = .text

  @OptionGroup(title: "Group Options") var member: GroupConsumeOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { topics.first }

  func validate() throws {
    if let max, max < 1 { throw ValidationError("--max is \(max); it is at least 1") }
    if member.group == nil {
      guard topics.count == 1 else {
        throw ValidationError(topics.isEmpty ? "name a topic" : "several topics go with --group")
      }
    } else {
      guard topics.isEmpty != (member.topicPattern == nil) else {
        throw ValidationError("with --group, name topics or give --topic-pattern")
      }
      if partition != nil { throw ValidationError("--partition and --group exclude each other") }
      if case .offset = from { throw ValidationError("with --group, --from is beginning, end or a time") }
    }
  }

  func execute() async throws {
    let interruption = try Interruption()
    if let group = member.group {
      try await consume(as: group, interruption)
    } else {
      try await consume(topics.first ?? "", interruption)
    }
  }

  private func consume(_ topic: String, _ interruption: Interruption) async throws {
    let client = client
    let fetcher = Fetcher(connection: try await client.connect(), reconnect: { try await client.connect() })
    let lookup = OffsetLookup(topic: topic, caller: await fetcher.connection)
    let session = try await lookup.session(partition: partition, from: from, exitAtEnd: exitAtEnd)
    interruption.onRequest { Task { await fetcher.stop() } }
    var loop = ConsumeLoop(
      session: session, fetcher: fetcher, interruption: interruption, printer: RecordPrinter(format: format), limit: max
    )
    try await loop.run()
    // What was printed is whole; only that it was not all is told.
    if interruption.isRequested { throw CommandFailure("", exitCode: interruption.exitCode) }
  }

  private func consume(as group: String, _ interruption: Interruption) async throws {
    let client = client
    let connection = try await client.connect()
    // A group may wait for topics to come; who names one that is not there has more likely made a mistake.
    for topic in topics { try await check(topic, connection) }
    let settings = GroupConsumer.Settings(
      membership: member.membership(group: group, topics: topics),
      commitIntervalMs: member.commitInterval?.ms ?? 1_000, exitsAtEnd: exitAtEnd)
    let consumer = GroupConsumer(
      settings, queue: PrintQueue(printer: RecordPrinter(format: format), limit: max),
      memberID: UUID().uuidString.lowercased(), fraction: { .random(in: 0...1) })
    let lookup = StartingPointLookup(group: group, from: from, exitsAtEnd: exitAtEnd)
    var loop = GroupConsumeLoop(
      consumer: consumer, calls: GroupCalls(connection: connection, lookup: lookup),
      reconnect: { try await client.connect() }, interruption: interruption)
    let reason = await loop.run()
    if interruption.isRequested { throw CommandFailure(reason?.message ?? "", exitCode: interruption.exitCode) }
    if let reason { throw reason }
  }

  private func check(_ topic: String, _ connection: Connection) async throws {
    do throws(RPCError) {
      _ = try await AdminServiceClient(caller: connection).describeTopic(
        DescribeTopicRequest(name: topic), options: ClientOptions.callOptions)
    } catch {
      throw CommandFailure(error, topic: topic)
    }
  }
}
