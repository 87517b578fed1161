import ArgumentParser
import NIOCore
import NIOPosix
import TailraceWire

/// `tailrace produce`.
struct ProduceCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "produce", abstract: "Append lines, or records in another form, to a topic.",
    discussion: """
      Each line is a record; what is in it is kept byte for byte, without the line feed. Records with a key go where \
      the key's hash says, others to the partitions in turn. Prints how many records were acknowledged.

      --format says how records are told apart, and 'tailrace consume' prints each form likewise:
        text    a line each
        nul     each ends with a NUL byte
        length  4 bytes before each value, big-endian, are its length,
                0xFFFFFFFF where it is absent (a tombstone); with --keys,
                the key is before the value in the same way
        hex     a line each, in hexadecimal digits; - is absent
        whole   each file is one value
        json    a line each, an object: key or key_base64, value or
                value_base64, headers ([{"key": ..., "value" or
                "value_base64": ...}]), timestamp (milliseconds, or like
                2026-01-31T23:59:59Z), partition; topic and offset are
                ignored, as are blank lines

      With --proto and --type, values are JSON in the input, and messages of that type in the topic; in --format json, \
      value is that JSON itself. Blank lines are left out. 'tailrace consume --proto' is the inverse.

      With --on-error stop, nothing is read after what is no record, and the message tells how many records were \
      acknowledged; what is before it is sent. The same goes for a record that the broker refuses, such as one without a \
      key for a compacted topic: it is found by sending the halves of its batch, behind what was under way meanwhile. \
      After another failure of the broker nothing more is sent. SIGINT stops at once, and tells what was acknowledged.

      Examples:
        tailrace produce clicks --file access.log --key-regex '^\\S+'
        find . -print0 | tailrace produce paths --format nul
        tailrace produce orders --key-field customer.id --rate 100 < orders.jsonl
        tailrace produce events --proto event.proto --type shop.v1.Event \\
          --key-field orderId < events.jsonl

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var topic: String

  @Option(
    help: ArgumentHelp(
      "Read this instead of standard input; may be given several times.", valueName: "path"), completion: .file())
  var file: [String] = []

  @OptionGroup(title: "Records") var input: RecordInputOptions

  @Option(parsing: .unconditional, help: "Append everything to this partition.")
  var partition: UInt32?

  @Option(help: "How batches are compressed: none, gzip, lz4 or zstd.")
  var compression: CompressionArgument = .none

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Send so many records a second at most.", valueName: "records"))
  var rate: Double?

  @Option(
    help: "What to do at what is no record, or one that the broker refuses: stop or skip. Either tells where it is.")
  var onError: ErrorPolicy = .stop

  @Option(
    help: "When a record counts as acknowledged: none, written or durable. (default: as the topic's durability says)")
  var acks: AcksArgument?

  @OptionGroup var client: ClientOptions

  var topicName: String? { topic }

  func validate() throws {
    if let rate, !(0.001...1e9).contains(rate) {
      throw ValidationError("--rate is 0.001 to 1000000000 records a second")
    }
    _ = try input.inputFormat()
  }

  func execute() async throws {
    let files = try InputFiles(file)
    var format = try input.inputFormat()
    format.encoder = try input.encoder()
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
        maxBatchBytes: Self.maxBatchBytes(description.config), fixedPartition: partition, format: format,
        compression: compression.compression, rate: rate, skipsErrors: onError == .skip,
        acks: acks?.acks ?? .unspecified),
      files: files, connection: connection, reconnect: { try await client.connect() }, interruption: interruption)
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
    let skipped = tally.skipped > 0 ? ", \(tally.skippedText)" : ""
    try StandardOutput.print("\(verb) \(recordsText(tally.acknowledged))\(skipped)")
  }
}

/// --on-error.
enum ErrorPolicy: String, ExpressibleByArgument, CaseIterable {
  case stop
  case skip
}

/// --compression.
enum CompressionArgument: String, ExpressibleByArgument, CaseIterable {
  case none
  case gzip
  case lz4
  case zstd

  var compression: Compression {
    switch self {
    case .none: .none
    case .gzip: .gzip
    case .lz4: .lz4
    case .zstd: .zstd
    }
  }
}

/// How results are printed.
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
