internal import NIOCore
package import TailraceStorage
internal import TailraceWire

/// Stands in front of a file system and lets the calls fail that its plan says. Thread-safe.
package final class FaultyFileSystem: FileSystem {
  private let base: any FileSystem
  private let plan: FaultPlan

  package init(_ base: any FileSystem, _ plan: FaultPlan) {
    self.base = base
    self.plan = plan
  }

  package func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File {
    try plan.check(.open, path)
    return FaultyFile(try base.open(path, mode), plan)
  }

  package func createDirectory(_ path: String) throws(FileSystemError) -> Bool {
    try plan.check(.createDirectory, path)
    return try base.createDirectory(path)
  }

  package func list(_ path: String) throws(FileSystemError) -> [String] {
    try plan.check(.list, path)
    return try base.list(path)
  }

  package func status(_ path: String) throws(FileSystemError) -> FileStatus? {
    try plan.check(.status, path)
    return try base.status(path)
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    try plan.check(.rename, source)
    try base.rename(source, to: target)
  }

  package func removeFile(_ path: String) throws(FileSystemError) {
    try plan.check(.removeFile, path)
    try base.removeFile(path)
  }

  package func removeDirectory(_ path: String) throws(FileSystemError) {
    try plan.check(.removeDirectory, path)
    try base.removeDirectory(path)
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    try plan.check(.syncDirectory, path)
    try base.syncDirectory(path)
  }

  package func availableBytes(_ path: String) throws(FileSystemError) -> Int {
    try plan.check(.availableBytes, path)
    return try base.availableBytes(path)
  }

  package func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    try plan.check(.lock, path)
    return try base.lock(path)
  }
}

/// A file whose calls are counted and may fail.
private final class FaultyFile: File {
  private let base: any File
  private let plan: FaultPlan

  init(_ base: any File, _ plan: FaultPlan) {
    self.base = base
    self.plan = plan
  }

  var path: String { base.path }

  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    try plan.check(.read, path)
    return try base.read(into: bytes, at: position)
  }

  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome {
    guard let (error, writtenPercent) = plan.count(.write, path) else { return base.write(buffers, at: position) }
    var all = ByteBuffer()
    for buffer in buffers { all.writeImmutableBuffer(buffer) }
    guard let part = all.readSlice(length: all.readableBytes * writtenPercent / 100), part.readableBytes > 0 else {
      return WriteOutcome(byteCount: 0, error: error)
    }
    let outcome = base.write([part], at: position)
    return WriteOutcome(byteCount: outcome.byteCount, error: outcome.error ?? error)
  }

  func sync() throws(FileSystemError) {
    try plan.check(.sync, path)
    try base.sync()
  }

  func truncate(to byteCount: Int) throws(FileSystemError) {
    try plan.check(.truncate, path)
    try base.truncate(to: byteCount)
  }

  func byteCount() throws(FileSystemError) -> Int {
    try plan.check(.byteCount, path)
    return try base.byteCount()
  }

  func chunk(_ range: Range<Int>) -> Chunk { base.chunk(range) }
}
