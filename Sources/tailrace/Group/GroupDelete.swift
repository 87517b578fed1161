import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace group delete`.
struct GroupDelete: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete groups that have no members, with their offsets.",
    discussion: """
      Asks first, on a terminal; anywhere else --yes is needed. Each group is deleted on its own: one that cannot be is \
      told in a line on standard error, and the others are deleted all the same. Exits as the first failure says.

      With --output json there is an object per line: group, deleted (false with --dry-run).

      \(ExitStatus.help)
      """)

  @Argument(help: "The groups' names.", completion: .groups)
  var groups: [String]

  @Flag(help: "Only tell what would be deleted.")
  var dryRun = false

  @OptionGroup var confirmation: ConfirmationOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    if !dryRun { try confirmation.requireAnswerable("deleting a group") }
    let service = GroupServiceClient(caller: try await client.connect())
    if !dryRun {
      try confirmation.confirm("Delete \(groups.map { "group '\($0)'" }.joined(separator: " and ")), with all offsets?")
    }
    var failures = PartialFailure()
    for group in groups {
      do throws(RPCError) {
        try await delete(group, service)
      } catch {
        failures.tell(CommandFailure(error).with(prefix: error.error == .unknownGroup ? "" : "group '\(group)': "))
        continue
      }
      try StandardOutput.print(line(group))
    }
    try failures.check()
  }

  private func delete(_ group: String, _ service: GroupServiceClient<Connection>) async throws(RPCError) {
    guard dryRun else {
      _ = try await service.deleteGroup(DeleteGroupRequest(group: group), options: ClientOptions.callOptions)
      return
    }
    let found = try await service.describeGroup(DescribeGroupRequest(group: group), options: ClientOptions.callOptions)
    guard found.members.isEmpty else {
      throw RPCError(.failedPrecondition, "it has \(found.members.count) members", error: .groupNotEmpty)
    }
  }

  private func line(_ group: String) -> String {
    switch output.format {
    case .text: return "\(dryRun ? "would delete" : "deleted") group '\(group.withoutControls)'"
    case .json:
      return JSONWriter.object { json in
        json.member("group", group)
        json.member("deleted", !dryRun)
      }
    }
  }
}
