import ArgumentParser
import NIOCore
import NIOPosix
import TailraceWire

/// `tailrace produce`.
struct ProduceCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "produce", abstract: "Append lines to a topic.",
    discussion: """
      Each line is a record; what is in it is kept byte for byte, without the line feed. Records with a key go where \
      the key's hash says, others to the partitions in turn. Prints how many records were acknowledged.

      With --format json, a line is an object as 'tailrace consume --format json' prints it: key or key_base64, value \
      or value_base64, headers ([{"key": ..., "value" or "value_base64": ...}]), timestamp (milliseconds, or like \
      2026-01-31T23:59:59Z), partition; topic and offset are ignored, as are blank lines.

      After a failure nothing more is read, and the message tells how many records were acknowledged. Lines before one \
      that is no record are sent. SIGINT stops at once, and tells what was acknowledged.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.")
  var topic: String

  @Option(help: ArgumentHelp("Read this instead of standard input.", valueName: "path"))
  var file: String?

  @Option(help: "text or json.")
  var format: RecordFormat = .text

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The key is what the first group of this regular expression captures in the line, or all that it matches.",
      valueName: "regex"))
  var keyRegex: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The key is what stands before the first of these, the value what follows.", valueName: "text"))
  var keySeparator: String?

  @Option(parsing: .unconditional, help: "Append everything to this partition.")
  var partition: UInt32?

  @Option(
    help: "When a record counts as acknowledged: none, written or durable. (default: as the topic's durability says)")
  var acks: AcksArgument?

  @OptionGroup var client: ClientOptions

  var topicName: String? { topic }

  func validate() throws {
    guard keyRegex == nil || keySeparator == nil else {
      throw ValidationError("--key-regex and --key-separator exclude each other")
    }
    guard format == .text || (keyRegex == nil && keySeparator == nil) else {
      throw ValidationError("with --format json, keys are in the JSON: leave --key-regex and --key-separator out")
    }
    _ = try inputFormat()
  }

  func execute() async throws {
    let input = try openInput()
    let lines = try inputFormat()
    let interruption = try Interruption()
    let client = client
    let connection = try await client.connect()
    let description = try await AdminServiceClient(caller: connection).describeTopic(
      DescribeTopicRequest(name: topic), options: ClientOptions.callOptions)
    let partitionCount = UInt32(clamping: description.partitions.count)
    if let partition, partition >= partitionCount {
      throw CommandFailure(
        PartitionError(
          code: .unknownPartition,
          message: "partition \(partition) does not exist:"
            + " '\(topic)' has \(partitionsText(partitionCount)), from 0 on"))
    }
    var loop = try ProduceLoop(
      ProduceLoop.Configuration(
        topic: topic, topicID: description.topic?.topicID ?? ByteBuffer(), partitionCount: partitionCount,
        maxBatchBytes: Self.maxBatchBytes(description.config), fixedPartition: partition, format: lines,
        acks: acks?.acks ?? .unspecified, input: input),
      connection: connection, reconnect: { try await client.connect() }, interruption: interruption)
    await loop.run()
    try report(loop, interruption)
  }

  /// A batch's largest size, by the topic's settings.
  static func maxBatchBytes(_ config: [ConfigEntry]) -> Int {
    let standard = 1 << 20
    return config.first { $0.name == "max_batch_bytes" }.flatMap { Int($0.value) }.map { max(1_024, $0) } ?? standard
  }

  private func report(_ loop: ProduceLoop, _ interruption: Interruption) throws {
    let tally = loop.tally
    if let failure = tally.failure { throw failure.with(suffix: "; \(tally.summary)") }
    if interruption.isRequested {
      throw CommandFailure("interrupted; \(tally.summary)", exitCode: interruption.exitCode)
    }
    let verb = acks == .notAwaited ? "sent" : "produced"
    try StandardOutput.print("\(verb) \(recordsText(tally.acknowledged))")
  }

  private func openInput() throws(CommandFailure) -> Descriptor {
    guard let file else { return .standardInput }
    do throws(SystemError) {
      return try Descriptor.open(reading: file)
    } catch {
      throw CommandFailure("cannot open '\(file)': \(error)", exitCode: ExitStatus.usage)
    }
  }

  private func inputFormat() throws -> InputFormat {
    if format == .json { return .json }
    if let keySeparator {
      guard !keySeparator.isEmpty else { throw ValidationError("--key-separator is empty") }
      return .text(.separator(Array(keySeparator.utf8)))
    }
    guard let keyRegex else { return .text(.none) }
    do {
      return .text(try .regex(pattern: keyRegex))
    } catch {
      throw ValidationError("--key-regex '\(keyRegex)' is no regular expression: \(error)")
    }
  }
}

/// How records are read or printed.
enum RecordFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
}

/// --acks.
enum AcksArgument: String, ExpressibleByArgument, CaseIterable {
  case notAwaited = "none"
  case written
  case durable

  var acks: Acks {
    switch self {
    case .notAwaited: Acks.none
    case .written: Acks.written
    case .durable: Acks.durable
    }
  }
}
