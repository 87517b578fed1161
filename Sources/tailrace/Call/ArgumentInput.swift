import NIOCore

/// Input that an argument names: the argument itself, standard input for "-", a file for "@PATH". Read piece by piece.
struct ArgumentInput {
  /// For people: "the request", "standard input", "'requests.json'".
  let name: String
  private let descriptor: Descriptor?
  private var rest: ByteBuffer

  /// What to exit with where it is wrong: a part of the command line is a usage error, all else is input.
  var faultCode: Int32 { descriptor == nil ? ExitStatus.usage : ExitStatus.invalidInput }

  /// `what` the argument is, where it is the input itself: "the request". Fails where a file cannot be opened.
  init(_ argument: String, what: String) throws(CommandFailure) {
    rest = ByteBuffer()
    if argument == "-" {
      name = "standard input"
      descriptor = .standardInput
    } else if argument.hasPrefix("@") {
      let path = String(argument.dropFirst())
      name = "'\(path)'"
      do throws(SystemError) {
        descriptor = try Descriptor.open(reading: path)
      } catch {
        throw Self.unreadable(name, error)
      }
    } else {
      name = what
      descriptor = nil
      rest.writeString(argument)
    }
  }

  /// The next piece, waiting for it; nil at the end.
  mutating func next() throws(CommandFailure) -> ByteBuffer? {
    guard let descriptor else {
      defer { rest = ByteBuffer() }
      return rest.readableBytes > 0 ? rest : nil
    }
    var piece = ByteBuffer()
    do throws(SystemError) {
      return try descriptor.read(into: &piece, maxBytes: 64 << 10) > 0 ? piece : nil
    } catch {
      throw Self.unreadable(name, error)
    }
  }

  /// All of it, at most `maxBytes`.
  mutating func readAll(maxBytes: Int) throws(CommandFailure) -> ByteBuffer {
    var all = ByteBuffer()
    while var piece = try next() {
      all.writeBuffer(&piece)
      guard all.readableBytes <= maxBytes else {
        throw CommandFailure("\(name) is longer than \(maxBytes) bytes", exitCode: faultCode)
      }
    }
    return all
  }

  private static func unreadable(_ name: String, _ error: SystemError) -> CommandFailure {
    CommandFailure("cannot read \(name): \(error)", exitCode: ExitStatus.usage)
  }
}
