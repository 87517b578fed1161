import ArgumentParser
import TailraceWire

/// `tailrace topic delete`.
struct TopicDelete: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete topics with all that is in them.",
    discussion: """
      Asks first, on a terminal, and tells what is lost; anywhere else --yes is needed. What was asked about is what is \
      deleted: a topic of the same name that was created in the meantime is not. One that cannot be deleted is told in \
      a line on standard error, and the others are deleted all the same. Exits as the first failure says.

      With --output json there is an object per line: name, deleted (false with --dry-run).

      \(ExitStatus.help)
      """)

  @Argument(help: "The topics' names.", completion: .topics)
  var names: [String]

  @Flag(help: "Only tell what would be lost.")
  var dryRun = false

  @OptionGroup var confirmation: ConfirmationOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    if !dryRun { try confirmation.requireAnswerable("deleting a topic") }
    let admin = AdminServiceClient(caller: try await client.connect())
    var failures = PartialFailure()
    var doomed: [DescribeTopicResponse] = []
    for name in names {
      do throws(RPCError) {
        doomed.append(
          try await admin.describeTopic(DescribeTopicRequest(name: name), options: ClientOptions.callOptions))
      } catch {
        failures.tell(CommandFailure(error))
      }
    }
    if !dryRun, !doomed.isEmpty { try confirmation.confirm("Delete \(Self.words(doomed))?") }
    for topic in doomed {
      let summary = topic.topic ?? TopicSummary()
      if !dryRun {
        do throws(RPCError) {
          _ = try await admin.deleteTopic(
            DeleteTopicRequest(name: summary.name, topicID: summary.topicID), options: ClientOptions.callOptions)
        } catch {
          failures.tell(CommandFailure(error))
          continue
        }
      }
      try StandardOutput.print(line(topic))
    }
    try failures.check()
  }

  private func line(_ topic: DescribeTopicResponse) -> String {
    let name = topic.topic?.name ?? ""
    switch output.format {
    case .text: return dryRun ? "would delete \(Self.words([topic]))" : "deleted topic '\(name)'"
    case .json:
      return JSONWriter.object { json in
        json.member("name", name)
        json.member("deleted", !dryRun)
      }
    }
  }

  /// "topic 'a' (1 partition with 3 records, 1.2 KiB) and topic 'b' (...)".
  private static func words(_ topics: [DescribeTopicResponse]) -> String {
    topics.map { "topic '\($0.topic?.name ?? "")' (\(TopicFigures($0).words))" }.joined(separator: " and ")
  }
}
