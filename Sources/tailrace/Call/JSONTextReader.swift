import NIOCore

/// JSON texts out of an input, each as soon as it is there whole.
struct JSONTextReader {
  private var input: ArgumentInput
  private var splitter: JSONTextSplitter
  private var piece = ByteBuffer()

  /// For people: "the request", "standard input".
  var name: String { input.name }

  var faultCode: Int32 { input.faultCode }

  /// `maxBytes`: longest text, inclusive.
  init(_ input: ArgumentInput, maxBytes: Int) {
    self.input = input
    splitter = JSONTextSplitter(maxBytes: maxBytes)
  }

  /// The next text, waiting for it; nil at the end.
  mutating func next() throws(CommandFailure) -> JSONText? {
    while true {
      if piece.readableBytes > 0, let text = try nextOfPiece() { return text }
      guard let more = try input.next() else { return splitter.end() }
      piece = more
    }
  }

  private mutating func nextOfPiece() throws(CommandFailure) -> JSONText? {
    do throws(JSONTextSplitter.TooLong) {
      return try splitter.next(&piece)
    } catch {
      throw CommandFailure(
        "\(name) has a JSON text of more than \(splitter.maxBytes) bytes", exitCode: faultCode)
    }
  }
}
