import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace consume`.
struct ConsumeCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "consume", abstract: "Print topics' records.",
    discussion: """
      Prints the value of each record and a line feed, or in another form, each of which 'tailrace produce' reads back:
        text    the value and a line feed
        nul     the value and a NUL byte
        length  4 bytes before each value, big-endian, are its length,
                0xFFFFFFFF where it is absent; with --keys, the key is
                before the value in the same way
        hex     the value in hexadecimal digits, and a line feed; - is absent
        raw     the values and nothing between them (produce: whole)
        json    an object per line: topic, partition, offset, timestamp
                (milliseconds since 1970), key, value, headers (an array
                of objects of key and value). What is absent is null;
                bytes that are not UTF-8 come as key_base64 or
                value_base64 instead

      Or a template: \(RecordTemplate.help).
      Records of a partition come in their order; those of several partitions come mixed.

      Goes on with new records until it is stopped, unless told otherwise. SIGINT ends it between two records.

      With --group, processes of the same group share the partitions of one or more topics, and the group remembers \
      how far each was read: at least all that a process has printed when it ends, and while it runs what it has \
      printed a second ago. So no record is lost, and after a crash some come twice. A process begins where the group \
      was, and at --from in partitions that the group has never read. SIGINT and SIGTERM commit and leave the group, \
      once what is being written is written; a second one ends at once, also where the output's reader is stuck. When the \
      broker is away it waits for it. A process that another one with the same --instance-id has replaced ends with 17.

      Examples:
        tailrace consume orders --from -1h --to -30m --grep '"status":"failed"'
        tailrace consume orders --from 'last 10' --format '%p@%o %D %k: %v\\n'
        tailrace consume events --proto event.proto --type shop.v1.Event
        tailrace consume --group billing orders refunds
        tailrace consume --group audit --topic-pattern 'orders-.*' --format json

      \(ExitStatus.help)
      """)

  @Argument(help: "The topics' names.", completion: .topics)
  var topics: [String] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Read only these partitions.", valueName: "0,2,4-7"))
  var partition: PartitionList?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Where to begin in each partition: beginning, end, an offset, 'last N', a time such as 2026-01-31T23:59:59Z (UTC"
        + " unless it says otherwise), @ and milliseconds since 1970 (what '@%T' prints), or a time before now such as"
        + " -5m (ms, s, m, h, d, w). With --group: beginning, end or a time, and only where none is stored.",
      valueName: "position"))
  var from: RangeStart = .position(.beginning)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop before this place in each partition: end, an offset, or a time, as of when this began.",
      valueName: "position"))
  var to: StartPosition?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Stop after this many records.", valueName: "records"))
  var max: Int?

  @Flag(
    help: ArgumentHelp(
      "Stop at what was the end of each partition when this began; with --group, when it was given the partition, once"
        + " nobody in the group waits for one."))
  var exitAtEnd = false

  @OptionGroup(title: "Records") var output: RecordOutputOptions

  @OptionGroup(title: "Group Options") var member: GroupConsumeOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { topics.first }

  func validate() throws {
    if let max, max < 1 { throw ValidationError("--max is \(max); it is at least 1") }
    guard topics.isEmpty != (member.topicPattern == nil) else {
      throw ValidationError("name topics, or give --topic-pattern")
    }
    if case .beginning = to { throw ValidationError("--to is end, an offset or a time") }
    guard member.group != nil else { return }
    if partition != nil { throw ValidationError("--partition and --group exclude each other") }
    if to != nil { throw ValidationError("--to and --group exclude each other") }
    if output.count { throw ValidationError("--count and --group exclude each other") }
    _ = try groupStart()
  }

  /// Where a group begins that was never there.
  private func groupStart() throws -> StartPosition {
    switch from {
    case .last, .position(.offset): throw ValidationError("with --group, --from is beginning, end or a time")
    case .position(let position): position
    }
  }

  func execute() async throws {
    let printer = try output.printer()
    let interruption = try Interruption()
    if let group = member.group {
      try await consume(as: group, printer, interruption)
    } else {
      try await consume(printer, interruption)
    }
  }

  private func consume(_ printer: RecordPrinter, _ interruption: Interruption) async throws {
    let client = client
    let fetcher = Fetcher(connection: try await client.connect(), reconnect: { try await client.connect() })
    let connection = await fetcher.connection
    let selection = member.topicPattern.map { TopicSelection.pattern($0) } ?? .names(topics)
    let lookup = OffsetLookup(
      caller: connection, from: from, to: to, exitsAtEnd: exitAtEnd, partitions: partition?.partitions)
    var cursors: [PartitionCursor] = []
    for topic in try await selection.topics(over: connection) { cursors += try await lookup.cursors(of: topic) }
    interruption.onRequest { Task { await fetcher.stop() } }
    var loop = ConsumeLoop(
      session: ConsumeSession(cursors: cursors), fetcher: fetcher, interruption: interruption, printer: printer,
      limit: max)
    try await loop.run()
    if output.count { try StandardOutput.print("\(loop.printer.count)") }
    // What was printed is whole; only that it was not all is told.
    if interruption.isRequested { throw CommandFailure("", exitCode: interruption.exitCode) }
  }

  private func consume(as group: String, _ printer: RecordPrinter, _ interruption: Interruption) async throws {
    // A group may wait for topics to come, and for its broker; who names one that is not there has more likely made a
    // mistake.
    let connection = try await client.connect()
    for topic in topics { try await check(topic, connection) }
    await connection.close()
    do {
      let configuration = member.configuration(group: group, topics: topics, from: try groupStart())
      var consumption = try GroupConsumption(
        try Client(try member.clientConfiguration(client)), configuration, group: group, exitsAtEnd: exitAtEnd,
        printer: printer, limit: max)
      try await consumption.run(until: interruption)
    } catch {
      let failure = (error as? CommandFailure) ?? (error as? TailraceError).map { CommandFailure($0) }
      guard let failure else { throw error }
      throw interruption.isRequested ? CommandFailure(failure.message, exitCode: interruption.exitCode) : failure
    }
    if interruption.isRequested { throw CommandFailure("", exitCode: interruption.exitCode) }
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
