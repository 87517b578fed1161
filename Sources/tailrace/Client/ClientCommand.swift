import ArgumentParser
import TailraceBroker
import TailraceClient
import TailraceStorage
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A command that talks to a broker, or tells which one.
protocol ClientCommand: ToolCommand {
  var client: ClientOptions { get }
}

/// A command whose failures become one line on standard error and an exit code.
protocol ToolCommand: AsyncParsableCommand {
  /// The topic that the command is about, for hints in error messages.
  var topicName: String? { get }

  /// Does the work.
  func execute() async throws
}

extension ToolCommand {
  var topicName: String? { nil }

  func run() async throws {
    // A reader that goes away is an error of a write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    do {
      try await execute()
    } catch {
      guard let failure = failure(of: error) else { throw error }
      if !failure.message.isEmpty { StandardError.write("tailrace: \(failure)\n") }
      throw ExitCode(failure.exitCode)
    }
  }

  /// Nil for what ArgumentParser reports itself.
  private func failure(of error: any Error) -> CommandFailure? {
    switch error {
    case let error as CommandFailure: error
    case let error as RPCError: CommandFailure(error, topic: topicName)
    case let error as RecordBatchError: CommandFailure(error)
    case let error as StorageError: CommandFailure(error.message, exitCode: ExitStatus.code(of: error.statusCode))
    case let error as SystemError where error.isBrokenPipe: .readerGone
    case let error as SystemError: CommandFailure("\(error)", exitCode: ExitStatus.inputOutputFailed)
    default: nil
    }
  }
}
