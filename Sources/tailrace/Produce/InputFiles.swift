/// What is read, one after the other: standard input, or files.
struct InputFiles {
  private let paths: [String]
  private var next = 0
  /// Nil once all are read.
  private(set) var current: Descriptor?

  /// `paths` empty: standard input. Opens the first; throws where one cannot be read.
  init(_ paths: [String]) throws(CommandFailure) {
    self.paths = paths
    guard !paths.isEmpty else {
      current = .standardInput
      return
    }
    // A mistake in a name is told before anything is sent.
    for path in paths { try Self.open(path).close() }
    try advance()
  }

  /// The file at hand, where there are several.
  var name: String? { paths.count > 1 && next > 0 ? paths[next - 1] : nil }

  /// For people: "'a.txt'", "the input".
  var words: String { next > 0 ? "'\(paths[next - 1])'" : "the input" }

  /// Goes on to the next; throws where it cannot be opened any more.
  mutating func advance() throws(CommandFailure) {
    if !paths.isEmpty { current?.close() }
    current = nil
    guard next < paths.count else { return }
    next += 1
    current = try Self.open(paths[next - 1])
  }

  private static func open(_ path: String) throws(CommandFailure) -> Descriptor {
    do throws(SystemError) {
      return try Descriptor.open(reading: path)
    } catch {
      throw CommandFailure("cannot open '\(path)': \(error)", exitCode: ExitStatus.usage)
    }
  }
}
