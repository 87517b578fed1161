internal import TailraceWire

/// A file that takes the place of the segments of a range, and the steps by which it does, so that a crash between any
/// two leaves all of the old or all of the new:
///
/// 1. It is written as `<base>-<end>.compacting`, and fsynced. A start removes such a file.
/// 2. Renamed to `<base>-<end>.swap`, directory fsynced. From here on it counts: a start goes on with the next step.
/// 3. What it replaces is removed, but for the first segment; directory fsynced, so that no old segment comes back
///    beside the new one.
/// 4. Renamed to `<base>.log`, over the first one; directory fsynced.
///
/// Both offsets in twenty digits; the end is exclusive, and another segment begins there: the active one is never
/// replaced.
struct SegmentSwap: Hashable {
  let directory: String
  let base: Offset
  let end: Offset

  /// What the file is called, as it gets on.
  enum Stage: String {
    case compacting
    case swap
    case log
  }

  init(directory: String, base: Offset, end: Offset) {
    self.directory = directory
    self.base = base
    self.end = end
  }

  /// Reads the name of a file in the stage `.swap`; nil where it is none.
  init?(directory: String, fileName name: String) {
    let halves = name.dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
    guard name.hasSuffix(".swap"), halves.count == 2, let base = LogSegment.baseOffset(ofFileName: halves[0] + ".log"),
      let end = LogSegment.baseOffset(ofFileName: halves[1] + ".log"), base < end
    else { return nil }
    self.init(directory: directory, base: base, end: end)
  }

  func name(_ stage: Stage) -> String {
    stage == .log ? LogSegment.fileName(base) : "\(digits(base))-\(digits(end)).\(stage.rawValue)"
  }

  func path(_ stage: Stage) -> String { "\(directory)/\(name(stage))" }

  private func digits(_ offset: Offset) -> String { String(LogSegment.fileName(offset).dropLast(4)) }

  /// Step 2. `.failed` where nothing has happened; `.barred` where it cannot be told whether the name is on disk: then it
  /// is taken back, and no other swap may follow that it could come back beside.
  func declare(_ fileSystem: any FileSystem) throws(CompactionStop) {
    do throws(FileSystemError) { try fileSystem.rename(path(.compacting), to: path(.swap)) } catch {
      throw CompactionStop(error)
    }
    do throws(FileSystemError) { try fileSystem.syncDirectory(directory) } catch {
      try? fileSystem.removeFile(path(.swap))
      throw .barred(StorageError(error, while: "compacting"))
    }
  }

  /// Steps 3 and 4; may be repeated from wherever it was broken off. `bases`: of the segments that are there.
  func install(over bases: [Offset], _ fileSystem: any FileSystem) throws(FileSystemError) {
    for base in bases where base >= self.base && base < end {
      let path = "\(directory)/\(LogSegment.fileName(base))"
      if base != self.base {
        try LogSegment.removeFiles(path, baseOffset: base, fileSystem)
      } else {
        try SegmentIndexFile(fileSystem: fileSystem, baseOffset: base, logPath: path).remove()
      }
    }
    try fileSystem.syncDirectory(directory)
    try fileSystem.rename(path(.swap), to: path(.log))
    try fileSystem.syncDirectory(directory)
  }
}
