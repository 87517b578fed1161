import ArgumentParser

/// `tailrace topic`: topics and their partitions.
struct TopicCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topic", abstract: "Create, list, describe, configure, trim and delete topics.",
    discussion: ExitStatus.help,
    subcommands: [
      TopicCreate.self, TopicList.self, TopicDescribe.self, TopicConfigure.self, TopicTrim.self, TopicDelete.self,
      TopicAddPartitions.self,
    ])
}

/// A setting given as NAME=VALUE.
struct ConfigArgument: ExpressibleByArgument, Hashable {
  let name: String
  let value: String

  init?(argument: String) {
    guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
    name = String(argument[..<sign])
    value = String(argument[argument.index(after: sign)...])
  }
}
