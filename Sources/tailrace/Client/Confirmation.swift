import ArgumentParser
import NIOCore
import TailraceWire

/// What every command takes that destroys something.
struct ConfirmationOptions: ParsableArguments {
  @Flag(name: [.customShort("y"), .long], help: "Do not ask. Needed where there is no terminal to ask at.")
  var yes = false

  /// Fails where nobody can be asked: before anything is done, and without a broker. `what`: "deleting a topic".
  func requireAnswerable(_ what: String) throws(CommandFailure) {
    guard yes || (Descriptor.standardInput.isTerminal && Descriptor.standardError.isTerminal) else {
      throw CommandFailure(
        "\(what) is confirmed at a terminal, and here is none; add --yes if you mean it", exitCode: ExitStatus.usage)
    }
  }

  /// Asks on a terminal whether to go on; fails where the answer is not yes. `question`: "Delete topic 'a'?".
  func confirm(_ question: String) throws(CommandFailure) {
    guard !yes else { return }
    StandardError.write("\(question.withoutControls) [y/N] ")
    let answer = try Self.readLine().lowercased()
    guard answer == "y" || answer == "yes" else {
      throw CommandFailure("nothing was changed", exitCode: ExitStatus.code(of: .cancelled))
    }
  }

  /// A line of the terminal, without what is around it; empty at the end of the input.
  private static func readLine() throws(CommandFailure) -> String {
    var bytes = ByteBuffer()
    do throws(SystemError) {
      while bytes.readableBytes < 4_096, bytes.readableBytesView.last != UInt8(ascii: "\n"),
        try Descriptor.standardInput.read(into: &bytes, maxBytes: 1) > 0
      {}
    } catch {
      throw CommandFailure("cannot read the answer: \(error)", exitCode: ExitStatus.inputOutputFailed)
    }
    if bytes.readableBytesView.last != UInt8(ascii: "\n") { StandardError.write("\n") }
    return String(buffer: bytes).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
