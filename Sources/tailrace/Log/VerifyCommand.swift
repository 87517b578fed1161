import ArgumentParser
import TailraceStorage
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// `tailrace log verify`.
struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check everything in a data directory, or in one partition's.",
    discussion: """
      Reads all segments: header and checksum of each batch, that offsets follow one another without a gap, and that \
      the records can be read (not with --shallow). Prints a line for each problem and each partition, and the totals; \
      with --format json an object per line, whose type is finding, partition or total.

      A warning is something that the next start deals with by itself, such as the unfinished end of a log after a \
      crash, or a file that was left over. An error is damage or loss. Nothing is created, changed or repaired.

      Exits with 0 where there are no errors, 23 where data is damaged or missing, 10 where something could not be \
      read, 17 where a broker is at work (see --online) or the directory is of a later release.

      \(ExitStatus.help)
      """)

  /// What is read between two looks at whether to stop.
  private static let pieceBytes = 4 << 20

  @Argument(help: "The data directory, or the directory of a single partition.", completion: .directory)
  var directory: String

  @Option(help: "Only this topic.")
  var topic: String?

  @Option(parsing: .unconditional, help: "Only partitions of this number.")
  var partition: UInt32?

  @Flag(help: "Do not decompress and read the records: their checksums are checked.")
  var shallow = false

  @Flag(help: "Also while a broker is at work; what it wrote since the last checkpoint is not judged.")
  var online = false

  @Option(help: "text or json.")
  var format: RecordFormat = .text

  func execute() async throws {
    let interruption = try Interruption()
    let path = try ExistingPath.resolve(directory, isDirectory: true)
    let scope = try find(path)
    guard online || !scope.isInUse else {
      throw CommandFailure(
        "a broker is at work on \(path); stop it, or verify with --online what it has checkpointed",
        exitCode: ExitStatus.code(of: .failedPrecondition))
    }
    var report = VerifyReport(format: format, startedAtMs: Clock.monotonicMs())
    report.topicCount = scope.topicCount
    try report.add(scope.findings)
    for place in scope.partitions where !interruption.isRequested {
      try verify(place, isOnline: scope.isInUse, interruption, &report)
    }
    try report.end(isInterrupted: interruption.isRequested)
    if interruption.isRequested { throw CommandFailure("", exitCode: interruption.exitCode) }
    if report.exitCode != 0 { throw CommandFailure("", exitCode: report.exitCode) }
  }

  private func find(_ path: String) throws(CommandFailure) -> VerifyScope {
    let scope: VerifyScope
    do throws(StorageError) {
      scope = try PartitionFinder.find(path, filter: .init(topicName: topic, partition: partition))
    } catch {
      switch error.kind {
      case .unknownPartition: throw CommandFailure(error.message, exitCode: ExitStatus.usage)
      case .incompatible: throw CommandFailure(error.message, exitCode: ExitStatus.code(of: .failedPrecondition))
      default: throw CommandFailure(error.message, exitCode: ExitStatus.inputOutputFailed)
      }
    }
    if scope.partitions.isEmpty, topic != nil || partition != nil {
      throw CommandFailure("no partition in \(path) is asked for", exitCode: ExitStatus.code(of: .notFound))
    }
    return scope
  }

  private func verify(
    _ place: PartitionPlace, isOnline: Bool, _ interruption: Interruption, _ report: inout VerifyReport
  ) throws(CommandFailure) {
    var options = PartitionVerifier.Options()
    options.isDeep = !shallow
    options.isOnline = isOnline
    var verifier = PartitionVerifier(place, options: options)
    while !verifier.isAtEnd, !interruption.isRequested {
      try report.add(verifier.advance(maxBytes: Self.pieceBytes), of: place)
      report.showProgress(place, verifier)
    }
    guard verifier.isAtEnd else { return }
    try report.add(verifier.summary, of: place)
  }
}

/// A path on the command line that has to be there.
enum ExistingPath {
  /// The absolute path, links followed. A failure is one of usage.
  static func resolve(_ path: String, isDirectory: Bool) throws(CommandFailure) -> String {
    guard let resolved = realpath(path, nil) else {
      throw CommandFailure("cannot open '\(path)': \(SystemError.last)", exitCode: ExitStatus.usage)
    }
    defer { free(resolved) }
    var status = stat()
    guard stat(resolved, &status) == 0 else {
      throw CommandFailure("cannot open '\(path)': \(SystemError.last)", exitCode: ExitStatus.usage)
    }
    guard (status.st_mode & S_IFMT == S_IFDIR) == isDirectory else {
      let hint = isDirectory ? "is not a directory" : "is a directory; name a file in it"
      throw CommandFailure("'\(path)' \(hint)", exitCode: ExitStatus.usage)
    }
    return String(cString: resolved)
  }
}
