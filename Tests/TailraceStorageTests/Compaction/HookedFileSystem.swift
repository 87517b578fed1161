import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceWire

/// The real file system, with a look at each change before it is made.
final class HookedFileSystem: FileSystem {
  enum Change: Hashable {
    case create(String)
    case write(String)
    case truncate(String)
    case sync(String)
    case rename(String, to: String)
    case remove(String)
    case syncDirectory(String)

    /// The file, or the one that it becomes.
    var path: String {
      switch self {
      case .create(let path), .write(let path), .truncate(let path), .sync(let path), .remove(let path),
        .syncDirectory(let path):
        path
      case .rename(_, let path): path
      }
    }
  }

  /// Returns the code with which the change fails; nil where it is made.
  typealias Hook = @Sendable (Change) -> Int32?

  private let real = RealFileSystem()
  private let hook = Mutex<Hook?>(nil)

  func set(_ hook: Hook?) { self.hook.withLock { $0 = hook } }

  fileprivate func before(_ change: Change) throws(FileSystemError) {
    if let code = hook.withLock({ $0 })?(change) {
      throw FileSystemError(call: "test", path: change.path, code: code)
    }
  }

  func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File {
    if mode == .createNew || mode == .replace { try before(.create(path)) }
    return HookedFile(try real.open(path, mode), self)
  }
  func createDirectory(_ path: String) throws(FileSystemError) -> Bool { try real.createDirectory(path) }
  func list(_ path: String) throws(FileSystemError) -> [String] { try real.list(path) }
  func status(_ path: String) throws(FileSystemError) -> FileStatus? { try real.status(path) }
  func rename(_ source: String, to target: String) throws(FileSystemError) {
    try before(.rename(source, to: target))
    try real.rename(source, to: target)
  }
  func removeFile(_ path: String) throws(FileSystemError) {
    try before(.remove(path))
    try real.removeFile(path)
  }
  func removeDirectory(_ path: String) throws(FileSystemError) { try real.removeDirectory(path) }
  func syncDirectory(_ path: String) throws(FileSystemError) {
    try before(.syncDirectory(path))
    try real.syncDirectory(path)
  }
  func availableBytes(_ path: String) throws(FileSystemError) -> Int { try real.availableBytes(path) }
  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? { try real.lock(path) }
}

private final class HookedFile: File {
  private let real: any File
  private let hooks: HookedFileSystem

  init(_ real: any File, _ hooks: HookedFileSystem) {
    self.real = real
    self.hooks = hooks
  }

  var path: String { real.path }
  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    try real.read(into: bytes, at: position)
  }
  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome {
    do throws(FileSystemError) { try hooks.before(.write(path)) } catch {
      return WriteOutcome(byteCount: 0, error: error)
    }
    return real.write(buffers, at: position)
  }
  func sync() throws(FileSystemError) {
    try hooks.before(.sync(path))
    try real.sync()
  }
  func truncate(to byteCount: Int) throws(FileSystemError) {
    try hooks.before(.truncate(path))
    try real.truncate(to: byteCount)
  }
  func byteCount() throws(FileSystemError) -> Int { try real.byteCount() }
  func chunk(_ range: Range<Int>) -> Chunk { real.chunk(range) }
}
