import ArgumentParser
import TailraceWire

/// `tailrace group`: consumer groups, their members and their offsets.
struct GroupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "group", abstract: "List, describe and delete consumer groups, and move their offsets.",
    discussion: """
      A group shares the partitions of topics among its members, and remembers how far it has come in each. \
      'tailrace consume --group' is a member.

      \(ExitStatus.help)
      """,
    subcommands: [GroupList.self, GroupDescribe.self, GroupDelete.self, GroupResetOffsets.self])
}

extension GroupState {
  /// "empty", "rebalancing", "stable"; "-" where this release does not know it.
  var word: String {
    switch self {
    case .empty: "empty"
    case .rebalancing: "rebalancing"
    case .stable: "stable"
    default: "-"
    }
  }
}

extension Assignor {
  /// As `consume --assignor` takes it; "-" where this release does not know it.
  var word: String {
    self == .unspecified ? "-" : AssignorArgument.allCases.first { $0.assignor == self }?.rawValue ?? "-"
  }
}

/// --assignor.
enum AssignorArgument: String, ExpressibleByArgument, CaseIterable {
  case sticky
  case range
  case roundRobin = "round-robin"

  var assignor: Assignor {
    switch self {
    case .sticky: .sticky
    case .range: .range
    case .roundRobin: .roundRobin
    }
  }
}
