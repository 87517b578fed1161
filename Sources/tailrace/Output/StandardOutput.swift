/// Gathers a command's result and writes it to a descriptor, standard output unless told otherwise.
///
/// A reader that has gone away shows as `CommandFailure.readerGone`.
struct StandardOutput {
  private(set) var bytes: [UInt8] = []
  let descriptor: Descriptor

  init(descriptor: Descriptor = .standardOutput) {
    self.descriptor = descriptor
  }

  /// Adds bytes; nothing is written yet.
  mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  /// Writes what was gathered.
  mutating func flush() throws(CommandFailure) {
    defer { bytes.removeAll(keepingCapacity: bytes.capacity <= 4 << 20) }
    guard !bytes.isEmpty else { return }
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(CommandFailure) in try Self.write(bytes, to: descriptor) }
    }
    try result.get()
  }

  /// Writes a line at once.
  static func print(_ line: String) throws(CommandFailure) {
    var output = StandardOutput()
    output.append((line + "\n").utf8)
    try output.flush()
  }

  /// Writes lines at once, nothing where there are none.
  static func print(lines: [String]) throws(CommandFailure) {
    if !lines.isEmpty { try print(lines.joined(separator: "\n")) }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Descriptor) throws(CommandFailure) {
    do throws(SystemError) {
      try descriptor.write(bytes)
    } catch {
      guard !error.isBrokenPipe else { throw .readerGone }
      throw CommandFailure("cannot write the output: \(error)", exitCode: ExitStatus.inputOutputFailed)
    }
  }
}
