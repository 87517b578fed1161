internal import Synchronization
internal import TailraceWire

/// One file of a partition's log: batches one after the other, from `baseOffset` on.
///
/// The file is opened when it is used. While something in it may not be on disk it stays open (pinned): only then does an
/// fsync surely tell of a write that failed before. Else it may be closed at any time, see OpenFiles. An index that is
/// not in memory is loaded, or rebuilt from the file, when first needed.
///
/// Thread-safe; its lock is taken inside the partition's and never held across I/O other than opening and closing files.
final class LogSegment: Sendable {
  let baseOffset: Offset
  let path: String
  let files: OpenFiles
  let contents: Mutex<Contents>

  struct Contents {
    var pinnedFile: (any File)?
    /// Of the batches from `indexedFrom` on.
    var index = SegmentIndex()
    /// Where the index begins; 0 = it is complete.
    var indexedFrom: Int
    var damage: SegmentDamage?
    /// Of the batches before `indexedFrom`; nil where it is not known.
    var summary: SegmentSummary?
    /// Its length, once nothing more is appended to it.
    var sealedByteCount: Int?
    /// Whether the index was used since its memory was last asked for.
    var isIndexUsed = false
    /// Whether another segment has taken this one's place: its file is opened no more.
    var isRetired = false
  }

  /// A segment of `byteCount` bytes, of which none is indexed yet. `file`: where it is open already, pinned.
  init(baseOffset: Offset, path: String, byteCount: Int, pinning file: (any File)? = nil, files: OpenFiles) {
    self.baseOffset = baseOffset
    self.path = path
    self.files = files
    contents = Mutex(Contents(pinnedFile: file, indexedFrom: byteCount))
    if file != nil { files.notePinned(1) }
  }

  deinit {
    files.take(of: ObjectIdentifier(self))
    if contents.withLock({ $0.pinnedFile != nil }) { files.notePinned(-1) }
  }

  static let suffix = ".log"

  /// `00000000000000000042.log`: the base offset in twenty digits. Other files of an offset end otherwise.
  static func fileName(_ baseOffset: Offset, suffix: String = suffix) -> String {
    let digits = String(baseOffset.rawValue)
    return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + suffix
  }

  /// The offset in a file's name; nil where it is no such name.
  static func baseOffset(ofFileName name: String, suffix: String = suffix) -> Offset? {
    guard name.hasSuffix(suffix), name.utf8.count == 20 + suffix.utf8.count else { return nil }
    let digits = name.dropLast(suffix.count)
    guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
    return Int64(digits).map { Offset($0) }
  }

  /// Removes a segment's files, its indexes first; those that are gone already are no error.
  static func removeFiles(_ path: String, baseOffset: Offset, _ fileSystem: any FileSystem) throws(FileSystemError) {
    try SegmentIndexFile(fileSystem: fileSystem, baseOffset: baseOffset, logPath: path).remove()
    try fileSystem.removeFile(path)
  }

  // MARK: - The file

  /// The open file.
  func file() throws(FileSystemError) -> any File { try file(pinned: false) }

  /// The open file, to be written to: it stays open until `unpinFile`.
  func pinnedFile() throws(FileSystemError) -> any File { try file(pinned: true) }

  /// The file, where it is pinned; else nil.
  var pinnedFileIfAny: (any File)? { contents.withLock { $0.pinnedFile } }

  private func file(pinned: Bool) throws(FileSystemError) -> any File {
    let result: Result<any File, FileSystemError> = contents.withLock { contents in
      if let file = contents.pinnedFile { return .success(file) }
      let owner = ObjectIdentifier(self)
      do throws(FileSystemError) {
        let kept = pinned ? files.take(of: owner) : files.file(of: owner)
        let file: any File
        if let kept {
          file = kept
        } else {
          guard !contents.isRetired else { throw FileSystemError.retired(path) }
          file = try files.open(path, .readWrite)
        }
        if pinned {
          contents.pinnedFile = file
          files.notePinned(1)
        } else if kept == nil {
          files.keep(file, for: owner)
        }
        return .success(file)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// All of the file is on disk, or does not matter any more: it may be closed.
  func unpinFile() {
    contents.withLock { contents in
      guard let file = contents.pinnedFile else { return }
      contents.pinnedFile = nil
      files.notePinned(-1)
      files.keep(file, for: ObjectIdentifier(self))
    }
  }

  /// The file is about to be replaced or removed: whoever has it open may go on reading, nobody opens it from now on,
  /// since something else may stand at its path. A read that fails for this, or in any way, plans anew.
  func retire() { contents.withLock { $0.isRetired = true } }

  var isRetired: Bool { contents.withLock { $0.isRetired } }

  /// Lets go of a pinned file that was opened under another name: the next use opens it under its own.
  func dropPinnedFile() {
    contents.withLock { contents in
      if contents.pinnedFile != nil { files.notePinned(-1) }
      contents.pinnedFile = nil
    }
  }

  /// Where the batches end in a segment to which nothing is appended any more. Else the file's length, which may be
  /// more.
  func usedByteCount(of file: any File) throws(FileSystemError) -> Int {
    if let known = sealedByteCount { return known }
    return try file.byteCount()
  }

  /// Cuts off what follows the last batch, which ends at `position`, durably. Blocks.
  func cutUnused(after position: Int) throws(FileSystemError) { try file().cutDurably(to: position) }

  /// The open file, the error in storage's words.
  func openFile() throws(StorageError) -> any File {
    do throws(FileSystemError) { return try file() } catch { throw StorageError(error, while: "opening a segment") }
  }
}
