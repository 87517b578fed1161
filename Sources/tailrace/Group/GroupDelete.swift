import ArgumentParser
import TailraceWire

/// `tailrace group delete`.
struct GroupDelete: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete groups that have no members, with their offsets, without asking.",
    discussion: """
      Each group is deleted on its own: one that cannot be is told in a line on standard error, and the others are \
      deleted all the same. Exits as the first failure says.

      \(ExitStatus.help)
      """)

  @Argument(help: "The groups' names.")
  var groups: [String]

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    let service = GroupServiceClient(caller: try await client.connect())
    var failures = PartialFailure()
    for group in groups {
      do throws(RPCError) {
        _ = try await service.deleteGroup(DeleteGroupRequest(group: group), options: ClientOptions.callOptions)
      } catch {
        failures.tell(CommandFailure(error).with(prefix: "group '\(group)': "))
        continue
      }
      try StandardOutput.print("deleted group '\(group.withoutControls)'")
    }
    try failures.check()
  }
}
