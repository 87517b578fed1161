import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace group reset-offsets`.
struct GroupResetOffsets: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset-offsets", abstract: "Move the offsets of a group that has no members.",
    discussion: """
      Prints the old and the new offset of each partition; OLD is - where none was stored. A position outside of what \
      a partition holds is moved to its nearest bound. Asks first, on a terminal, and shows what would change; anywhere \
      else --yes is needed. With --dry-run nothing is changed. A partition that cannot be moved is told in a line on \
      standard error, the others are moved all the same; exits as the first failure says.

      With --output json there is an object per line: topic, partition, old_offset (null where none was stored), \
      new_offset, or error in its place.

      Examples:
        tailrace group reset-offsets billing --to beginning --dry-run
        tailrace group reset-offsets billing --to 2026-01-31T00:00Z --topic orders
        tailrace group reset-offsets billing --shift-by -100 --topic orders:0,2-5

      \(ExitStatus.help)
      """)

  @Argument(help: "The group's name.", completion: .groups)
  var group: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Where to: beginning, end, an offset, or a time such as 2026-01-31T23:59:59Z (UTC unless it says otherwise), -1h or"
        + " @ and milliseconds since 1970.",
      valueName: "position"))
  var to: StartPosition?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Move by this many offsets instead, back where it is negative.", valueName: "offsets"))
  var shiftBy: Int64?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Only this topic, or only these partitions of it. May be given several times. (default: all partitions that"
        + " have an offset stored)", valueName: "topic[:0,1,4-7]"), completion: .topics)
  var topic: [PartitionSelection] = []

  @Flag(help: "Only show what would be done.")
  var dryRun = false

  @OptionGroup var confirmation: ConfirmationOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func validate() throws {
    guard (to == nil) != (shiftBy == nil) else { throw ValidationError("give one of --to and --shift-by") }
  }

  func execute() async throws {
    if !dryRun { try confirmation.requireAnswerable("moving a group's offsets") }
    let connection = try await client.connect()
    let service = GroupServiceClient(caller: connection)
    var request = Self.request(group: group, to: to, shiftBy: shiftBy, dryRun: dryRun)
    request.partitions = try await PartitionSelectionLookup(caller: connection, group: group).partitions(
      topic, storedOnly: shiftBy != nil)
    // Without any, the broker would take all.
    guard topic.isEmpty || !request.partitions.isEmpty else {
      throw CommandFailure(RPCError(.notFound, "group '\(group)' has no offset stored in any of these topics"))
    }
    if !dryRun && !confirmation.yes { try await ask(request, service) }
    let response = try await service.resetOffsets(request, options: ClientOptions.callOptions)
    try StandardOutput.print(lines: Self.lines(response.results, output.format))
    var failures = PartialFailure()
    for result in response.results {
      guard let error = result.error else { continue }
      failures.tell(
        CommandFailure(error).with(
          prefix: "\(TopicPartition(topic: result.topic, partition: result.partition).words): "))
    }
    if output.format == .text { StandardError.write("tailrace: \(Self.summary(response.results, dryRun: dryRun))\n") }
    try failures.check()
  }

  /// Shows what would change, and asks whether it shall.
  private func ask(_ request: ResetOffsetsRequest, _ service: GroupServiceClient<Connection>) async throws {
    var trial = request
    trial.dryRun = true
    let results = try await service.resetOffsets(trial, options: ClientOptions.callOptions).results
    let table = Self.lines(results, .text)
    if table.count > 1 { StandardError.write(table.joined(separator: "\n") + "\n") }
    let count = UInt32(clamping: results.count { $0.error == nil })
    try confirmation.confirm("Move the offsets of group '\(group)' in \(partitionsText(count))?")
  }

  /// The request, but for the partitions.
  static func request(group: String, to: StartPosition?, shiftBy: Int64?, dryRun: Bool) -> ResetOffsetsRequest {
    let (target, value): (ResetTo, Int64) =
      switch to {
      case .beginning: (.earliest, 0)
      case .end: (.latest, 0)
      case .offset(let offset): (.offset, offset)
      case .timestamp(let ms): (.timestamp, ms)
      case nil: (.shiftBy, shiftBy ?? 0)
      }
    return ResetOffsetsRequest(group: group, to: target, value: value, dryRun: dryRun)
  }

  /// "moved the offsets of 3 partitions"; with a dry run, that nothing was changed.
  static func summary(_ results: [ResetOffsetsResult], dryRun: Bool) -> String {
    let moved = partitionsText(UInt32(clamping: results.count { $0.error == nil }))
    return dryRun ? "nothing was changed: the offsets of \(moved) would be moved" : "moved the offsets of \(moved)"
  }

  /// What is printed.
  static func lines(_ results: [ResetOffsetsResult], _ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["TOPIC", "PARTITION", "OLD", "", "NEW"])
      for result in results where result.error == nil {
        table.add([
          result.topic.withoutControls, "\(result.partition)", offsetText(result.oldOffset), "->",
          offsetText(result.newOffset),
        ])
      }
      return table.lines
    case .json: return results.map(json)
    }
  }

  private static func json(_ result: ResetOffsetsResult) -> String {
    JSONWriter.object { json in
      json.member("topic", result.topic)
      json.member("partition", result.partition)
      json.offset("old_offset", result.oldOffset)
      if let error = result.error {
        json.member("error", error.message)
      } else {
        json.offset("new_offset", result.newOffset)
      }
    }
  }
}

/// An offset, or "-" for one that is not there, which the API has as -1.
func offsetText(_ offset: Int64) -> String { offset < 0 ? "-" : "\(offset)" }

extension JSONWriter {
  /// Writes an offset as a member; null for one that is not there, which the API has as -1.
  mutating func offset(_ name: String, _ offset: Int64) {
    self.name(name)
    if offset < 0 { null() } else { integer(offset) }
  }
}
