/// The failures of parts of a command, which goes on with the other parts: a line on standard error each, and the exit
/// code of the first.
struct PartialFailure {
  private var exitCode: Int32?

  mutating func tell(_ failure: CommandFailure) {
    StandardError.write("tailrace: \(failure)\n")
    exitCode = exitCode ?? failure.exitCode
  }

  /// Throws where a part has failed.
  func check() throws(CommandFailure) {
    if let exitCode { throw CommandFailure("", exitCode: exitCode) }
  }
}
