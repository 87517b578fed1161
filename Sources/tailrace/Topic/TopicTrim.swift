import ArgumentParser
import TailraceWire

/// `tailrace topic trim`.
struct TopicTrim: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "trim", abstract: "Delete a partition's records before an offset.",
    discussion: """
      Asks first, on a terminal; anywhere else --yes is needed.

      With --output json there is an object: topic, partition, old_start, start.

      \(ExitStatus.help)
      """)

  @Argument(help: "The topic's name.", completion: .topics)
  var name: String

  @Option(parsing: .unconditional, help: "The partition, counted from 0.")
  var partition: UInt32

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The offset of the first record to keep; end: keep none of those that can be read now.", valueName: "position"))
  var before: TrimPosition

  @Flag(help: "Only tell what would be deleted.")
  var dryRun = false

  @OptionGroup var confirmation: ConfirmationOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  var topicName: String? { name }

  func execute() async throws {
    if !dryRun { try confirmation.requireAnswerable("deleting records") }
    let connection = try await client.connect()
    let bounds = try await bounds(AdminServiceClient(caller: connection))
    let start = max(bounds.lowerBound, before.offset(end: bounds.upperBound))
    guard start <= bounds.upperBound else {
      throw CommandFailure(
        RPCError(
          .outOfRange, "partition \(partition) of topic '\(name)' ends at offset \(bounds.upperBound)",
          error: .offsetOutOfRange))
    }
    let what = "offsets \(bounds.lowerBound) to \(start), exclusive, of partition \(partition) of topic '\(name)'"
    if dryRun { return try tell("would delete \(what)", from: bounds.lowerBound, to: start) }
    try confirmation.confirm("Delete \(what)?")
    let newStart = try await trim(LogServiceClient(caller: connection), to: start)
    try tell(
      "partition \(partition) of topic '\(name)' begins at offset \(newStart) now", from: bounds.lowerBound,
      to: newStart)
  }

  /// From the lowest offset that is there to that of the next record.
  private func bounds(_ admin: AdminServiceClient<some RPCCaller>) async throws -> Range<Int64> {
    let topic = try await admin.describeTopic(DescribeTopicRequest(name: name), options: ClientOptions.callOptions)
    guard let found = topic.partitions.first(where: { $0.partition == partition }) else {
      throw CommandFailure(
        RPCError(
          .notFound, "topic '\(name)' has \(partitionsText(UInt32(clamping: topic.partitions.count))), counted from 0",
          error: .unknownPartition))
    }
    guard found.logStartOffset <= found.highWatermark else {
      throw CommandFailure(RPCError(.internalError, "the broker gave a partition that ends before it begins"))
    }
    return found.logStartOffset..<found.highWatermark
  }

  private func trim(_ log: LogServiceClient<some RPCCaller>, to offset: Int64) async throws -> Int64 {
    let target = DeleteRecordsTarget(topic: name, partition: partition, beforeOffset: offset)
    let response = try await log.deleteRecords(
      DeleteRecordsRequest(targets: [target]), options: ClientOptions.callOptions)
    guard let result = response.results.first, response.results.count == 1 else {
      throw RPCError(.internalError, "the broker gave \(response.results.count) results for one partition")
    }
    if let error = result.error { throw CommandFailure(error, topic: name) }
    return result.logStartOffset
  }

  private func tell(_ text: String, from old: Int64, to new: Int64) throws(CommandFailure) {
    switch output.format {
    case .text: try StandardOutput.print(text.withoutControls)
    case .json:
      try StandardOutput.print(
        JSONWriter.object { json in
          json.member("topic", name)
          json.member("partition", partition)
          json.member("old_start", old)
          json.member("start", new)
        })
    }
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

  /// `end`: that of the partition.
  func offset(end: Int64) -> Int64 {
    switch self {
    case .offset(let offset): offset
    case .end: end
    }
  }
}
