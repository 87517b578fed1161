import ArgumentParser

/// The one executable: the broker and the tool to talk to it.
@main
struct Tailrace: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tailrace", abstract: "A streaming-log broker with a protobuf API, and the tool to talk to it.",
    version: Version.current,
    subcommands: [
      ServeCommand.self, TopicCommand.self, ProduceCommand.self, ConsumeCommand.self, CallCommand.self,
      BenchCommand.self, BenchReference.self, FuzzCommand.self,
    ])
}
