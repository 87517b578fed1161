import ArgumentParser
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace consume`.
struct ConsumeCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "consume", abstract: "Print a topic's records.",
    discussion: """
      Prints the value of each record and a line feed, or with --format json an object per line: topic, partition, \
      offset, timestamp (milliseconds since 1970), key, value, headers (an array of objects of key and value). What is \
      absent is null; bytes that are not UTF-8 come as key_base64 or value_base64 instead. Records of a partition come \
      in their order; those of several partitions come mixed.

      Goes on with new records until it is stopped, unless told otherwise. SIGINT ends it between two records.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.")
  var topic: String

  @Option(parsing: .unconditional, help: "Read only this partition.")
  var partition: UInt32?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Where to begin in each partition: beginning, end, an offset, or a time such as 2026-01-31T23:59:59Z (UTC unless"
        + " it says otherwise).", valueName: "position"))
  var from: StartPosition = .beginning

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Stop after this many records.", valueName: "records"))
  var max: Int?

  @Flag(help: "Stop at what was the end of each partition when this began.")
  var exitAtEnd = false

  @Option(help: "text or json.")
  var format: RecordFormat = .text

  @OptionGroup var client: ClientOptions

  var topicName: String? { topic }

  func validate() throws {
    if let max, max < 1 { throw ValidationError("--max is \(max); it is at least 1") }
  }

  func execute() async throws {
    let interruption = try Interruption()
    let client = client
    let fetcher = Fetcher(connection: try await client.connect(), reconnect: { try await client.connect() })
    let lookup = OffsetLookup(topic: topic, caller: await fetcher.connection)
    let session = try await lookup.session(partition: partition, from: from, exitAtEnd: exitAtEnd)
    interruption.onRequest { Task { await fetcher.stop() } }
    var loop = ConsumeLoop(
      session: session, fetcher: fetcher, interruption: interruption,
      printer: RecordPrinter(format: format), limit: max)
    try await loop.run()
    // What was printed is whole; only that it was not all is told.
    if interruption.isRequested { throw CommandFailure("", exitCode: interruption.exitCode) }
  }
}
