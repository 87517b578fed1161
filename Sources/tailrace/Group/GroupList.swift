import ArgumentParser
import TailraceWire

/// `tailrace group list`.
struct GroupList: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List consumer groups by name.",
    discussion: """
      With --output json there is an object per line: group, state (empty, rebalancing, stable), member_count.

      \(ExitStatus.help)
      """)

  @Option(parsing: .unconditional, help: "Only groups whose names begin so.")
  var prefix: String = ""

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  func execute() async throws {
    let service = GroupServiceClient(caller: try await client.connect())
    var groups: [GroupSummary] = []
    var request = ListGroupsRequest(prefix: prefix)
    repeat {
      let page = try await service.listGroups(request, options: ClientOptions.callOptions)
      groups += page.groups
      // A token that does not move on would list for ever.
      guard page.nextPageToken.isEmpty || page.nextPageToken > request.pageToken else {
        throw RPCError(.internalError, "the broker's list of groups does not end")
      }
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    try StandardOutput.print(lines: Self.lines(groups, output.format))
  }

  /// What is printed.
  static func lines(_ groups: [GroupSummary], _ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["GROUP", "STATE", "MEMBERS"])
      for group in groups { table.add([group.group.withoutControls, group.state.word, "\(group.memberCount)"]) }
      return table.lines
    case .json:
      return groups.map { group in
        JSONWriter.object { json in
          json.members(of: group)
          json.member("member_count", group.memberCount)
        }
      }
    }
  }
}

extension JSONWriter {
  /// Writes a group in short as members of the present object: group, state.
  mutating func members(of group: GroupSummary) {
    member("group", group.group)
    member("state", group.state.word)
  }
}
