import ArgumentParser
import TailraceWire

/// `tailrace topic trim`.
struct TopicTrim: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "trim", abstract: "Delete a partition's records before an offset, without asking.",
    discussion: ExitStatus.help)

  @Argument(help: "The topic's name.")
  var name: String

  @Option(parsing: .unconditional, help: "The partition, counted from 0.")
  var partition: UInt32

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The offset of the first record to keep; end: keep none of those that can be read now.", valueName: "position"))
  var before: TrimPosition

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func execute() async throws {
    let log = LogServiceClient(caller: try await client.connect())
    let target = DeleteRecordsTarget(topic: name, partition: partition, beforeOffset: before.offset)
    let response = try await log.deleteRecords(
      DeleteRecordsRequest(targets: [target]), options: ClientOptions.callOptions)
    guard let result = response.results.first, response.results.count == 1 else {
      throw RPCError(.internalError, "the broker gave \(response.results.count) results for one partition")
    }
    if let error = result.error { throw CommandFailure(error, topic: name) }
    try StandardOutput.print("partition \(partition) of topic '\(name)' begins at offset \(result.logStartOffset) now")
  }
}

/// Where a partition is to begin: an offset, or its end.
enum TrimPosition: ExpressibleByArgument, Hashable {
  case offset(Int64)
  case end

  init?(argument: String) {
    if argument == "end" {
      self = .end
    } else if let offset = Int64(argument), offset >= 0 {
      self = .offset(offset)
    } else {
      return nil
    }
  }

  /// As the API has it.
  var offset: Int64 {
    switch self {
    case .offset(let offset): offset
    case .end: -1
    }
  }
}
