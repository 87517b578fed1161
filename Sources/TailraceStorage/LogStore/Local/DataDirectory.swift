internal import NIOCore

/// The data directory: its lock, its `format.json`, its topics.
///
/// ```
/// LOCK              held by the one process that uses the directory
/// format.json       {"format_version":1,"cluster_id":"<32 hex digits>"}
/// clean-shutdown    only after a clean stop: see CleanShutdown
/// topics/<topic>@<topic id>/<partition>/
///     00000000000000000000.log   a segment, named after its base offset
///     state                      see StateFile
///     *.log.torn                 what recovery cut off
///     *.compacting, *.swap       what compaction is writing, and putting in place: see SegmentSwap
/// topics/<topic>@<topic id>.deleted   on its way out
/// ```
struct DataDirectory: Sendable {
  let path: String
  let fileSystem: any FileSystem
  /// 32 hexadecimal digits, drawn when the directory was made.
  let clusterID: String

  static let lockName = "LOCK"
  static let formatName = "format.json"
  static let maxFormatBytes = 4096

  var topicsPath: String { "\(path)/topics" }

  /// Locks the directory and checks its format; makes what is not there, durably. Nothing but the lock file is touched
  /// where the format is not this release's, or another process is at work. The lock is the caller's to hold.
  static func open(
    _ path: String, fileSystem: any FileSystem
  ) throws(StorageError) -> (directory: DataDirectory, lock: any FileLock) {
    let (lock, isNew) = try takeLock(path, fileSystem)
    if let text = try DurableFile.read(formatName, in: path, maxBytes: maxFormatBytes, fileSystem: fileSystem) {
      let format = try DataFormatText.parse(String(buffer: text))
      try makeTopics(path, fileSystem)
      return (DataDirectory(path: path, fileSystem: fileSystem, clusterID: format.clusterID), lock)
    }
    try checkUnused(path, fileSystem)
    try syncParent(path, isNew: isNew, fileSystem)
    var generator = SystemRandomNumberGenerator()
    let format = DataFormatText(clusterID: DataFormatText.drawClusterID(using: &generator))
    try makeTopics(path, fileSystem)
    try DurableFile.replace(
      formatName, temporaryName: formatName + ".new", in: path, with: ByteBuffer(string: format.text),
      fileSystem: fileSystem)
    return (DataDirectory(path: path, fileSystem: fileSystem, clusterID: format.clusterID), lock)
  }

  /// The lock, and whether the directory was made for it.
  private static func takeLock(
    _ path: String, _ fileSystem: any FileSystem
  ) throws(StorageError) -> (lock: any FileLock, isNew: Bool) {
    let lock: (any FileLock)?
    let isNew: Bool
    do throws(FileSystemError) {
      isNew = try fileSystem.createDirectory(path)
      lock = try fileSystem.lock("\(path)/\(lockName)")
    } catch {
      throw StorageError(error, while: "opening the data directory")
    }
    guard let lock else { throw StorageError(.incompatible, "\(path) is in use by another process") }
    return (lock, isNew)
  }

  /// Makes the directory's own entry durable, before anything in it is. Also where the directory was there already: an
  /// earlier start may have made it and been broken off. One that somebody else made may stand where this process must
  /// not look; it is theirs to keep then.
  private static func syncParent(_ path: String, isNew: Bool, _ fileSystem: any FileSystem) throws(StorageError) {
    do throws(FileSystemError) {
      try fileSystem.syncDirectory("\(path)/..")
    } catch {
      guard error.isNotPermitted, !isNew else { throw StorageError(error, while: "making the data directory durable") }
    }
  }

  /// Refuses a directory that has topics but no readable format: it is not ours to guess.
  private static func checkUnused(_ path: String, _ fileSystem: any FileSystem) throws(StorageError) {
    let isUsed: Bool
    do throws(FileSystemError) {
      let topics = "\(path)/topics"
      let hasFormat = try fileSystem.status("\(path)/\(formatName)") != nil
      let names = try fileSystem.status(topics) == nil ? [] : try fileSystem.list(topics)
      isUsed = hasFormat || !names.isEmpty
    } catch {
      throw StorageError(error, while: "opening the data directory")
    }
    guard !isUsed else {
      throw StorageError(
        .incompatible, "\(path) holds data, but its \(formatName) is missing or longer than \(maxFormatBytes) bytes")
    }
  }

  private static func makeTopics(_ path: String, _ fileSystem: any FileSystem) throws(StorageError) {
    do throws(FileSystemError) {
      guard try fileSystem.createDirectory("\(path)/topics") else { return }
      try fileSystem.syncDirectory(path)
    } catch {
      throw StorageError(error, while: "opening the data directory")
    }
  }
}
