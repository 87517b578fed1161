import ArgumentParser
import NIOCore
import TailraceStorage
import TailraceWire

/// `tailrace log dump`.
struct DumpCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Print the batches of a segment file, or what another file of a partition says.",
    discussion: """
      A line for each batch: where it stands, its offsets, records, codec, producer, times, bytes, and whether its \
      records match their checksum. With --records a line for each record, too; bytes that are not printable are shown \
      as \\xNN. With --format json an object per line, whose type is batch, record or damage; records have the members \
      that 'tailrace consume --format json' prints.

      Any file of batches will do: NNN.log, NNN.log.torn, a copy. 'state' and 'NNN.producers' are printed as JSON.

      A damaged file is printed as far as it is readable, past the damage too, with a line where it is damaged; then \
      this exits with 23.

      \(ExitStatus.help)
      """)

  @Argument(help: "The file.", completion: .file())
  var file: String

  @Flag(help: "Print the records of each batch.")
  var records = false

  @Option(parsing: .unconditional, help: "Begin at this offset.")
  var from: Int64 = 0

  @Option(parsing: .unconditional, help: "Stop after this many batches, or, with --records, records.")
  var count: Int?

  @Option(help: "text or json.")
  var format: RecordFormat = .text

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count is \(count); it is at least 1") }
    if from < 0 { throw ValidationError("--from is \(from); offsets are not negative") }
  }

  func execute() async throws {
    let interruption = try Interruption()
    let path = try ExistingPath.resolve(file, isDirectory: false)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    switch PartitionFile(name: name) {
    case .state: try StandardOutput.print(try MessageFile.json(of: path, as: "tailrace.v1.PartitionState"))
    case .producers: try StandardOutput.print(try MessageFile.json(of: path, as: "tailrace.v1.ProducerSnapshot"))
    case .index:
      throw CommandFailure("'\(file)' is an index: derived from the segment beside it", exitCode: ExitStatus.usage)
    default: try dumpBatches(path, interruption)
    }
  }

  private func dumpBatches(_ path: String, _ interruption: Interruption) throws(CommandFailure) {
    let open = try Self.open(path)
    guard open.byteCount > 0 else {
      StandardError.write("tailrace: '\(file)' is empty: no batches\n")
      return
    }
    var dump = SegmentDump(
      printer: DumpPrinter(format: format), withRecords: records, from: Offset(from), left: count)
    var walker = SegmentWalker(file: open.file, byteCount: open.byteCount, mayHaveRoom: true)
    while !dump.isDone, !interruption.isRequested, let step = walker.step() {
      try dump.take(step, &walker)
    }
    try dump.flush()
    if interruption.isRequested { throw CommandFailure("", exitCode: interruption.exitCode) }
    guard let damage = dump.firstDamage else { return }
    throw CommandFailure("'\(file)' is damaged at \(damage)", exitCode: ExitStatus.dataLoss)
  }

  private static func open(_ path: String) throws(CommandFailure) -> (file: any File, byteCount: Int) {
    do throws(FileSystemError) {
      let file = try RealFileSystem().open(path, .read)
      return (file, try file.byteCount())
    } catch {
      throw CommandFailure("cannot open '\(path)': \(error)", exitCode: ExitStatus.usage)
    }
  }
}

/// A file that is one message, its checksum the last field: `state`, `.producers`.
enum MessageFile {
  private static let maxBytes = 64 << 20

  /// Its content in protobuf's JSON form, the checksum left out.
  static func json(of path: String, as type: String) throws(CommandFailure) -> String {
    let bytes: ByteBuffer
    do throws(FileSystemError) {
      let file = try RealFileSystem().open(path, .read)
      bytes = try file.read(min(Self.maxBytes, try file.byteCount()), at: 0)
    } catch {
      throw CommandFailure("cannot read '\(path)': \(error)", exitCode: ExitStatus.inputOutputFailed)
    }
    guard let content = StateFile.content(bytes) else {
      throw CommandFailure("'\(path)' does not match its checksum", exitCode: ExitStatus.dataLoss)
    }
    guard let descriptor = DescriptorPool.tailrace.message(named: type) else {
      throw CommandFailure("the schemas do not describe \(type)", exitCode: ExitStatus.code(of: .internalError))
    }
    do throws(JSONMappingError) {
      return try ProtobufJSON.encode(
        content, as: descriptor,
        options: .init(alwaysPrintsFieldsWithoutPresence: true, isPretty: Descriptor.standardOutput.isTerminal))
    } catch {
      throw CommandFailure("'\(path)': \(error)", exitCode: ExitStatus.dataLoss)
    }
  }
}
