import Dispatch
import Glibc
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceWire

/// The real file system, with its calls counted, and writes and fsyncs of files held back or made to fail.
final class ProbeFileSystem: FileSystem {
  struct Counts: Equatable {
    var segmentWrites = 0
    var segmentSyncs = 0
    var segmentReadBytes = 0
    /// Files and directories that could not be opened.
    var refusedOpens = 0
    /// Segment files that are open now, those of regions left out, and the most there were.
    var openSegments = 0
    var mostOpenSegments = 0
  }

  /// What a write is to do instead of writing all.
  enum WriteFault {
    /// Writes this many bytes, then fails with the code.
    case stop(after: Int, code: Int32)
    /// Fails with the code where the bytes begin with a zero, which no batch does.
    case refuseZeros(code: Int32)
  }

  private struct Contents {
    var counts = Counts()
    var syncError: Int32?
    var openError: Int32?
    var directoryOpenError: Int32?
    var segmentLimit = Int.max
    var changes: [String] = []
    var failingDirectory: (path: String, code: Int32)?
    var failingTree: (path: String, code: Int32)?
    var truncateError: Int32?
    var writeFault: WriteFault?
    var gate: DispatchSemaphore?
    var availableBytes: Int?
    var syncStarted: DispatchSemaphore?
  }

  private let real = RealFileSystem()
  private let contents = Mutex(Contents())

  var counts: Counts { contents.withLock { $0.counts } }

  /// Renames and fsyncs of directories, in order.
  var changes: [String] { contents.withLock { $0.changes } }

  /// fsyncs of segments wait from here on; each `signal` of the gate lets one through. `started` is signalled by each
  /// that begins.
  func holdSyncs() -> (gate: DispatchSemaphore, started: DispatchSemaphore) {
    let gate = DispatchSemaphore(value: 0)
    let started = DispatchSemaphore(value: 0)
    contents.withLock {
      $0.gate = gate
      $0.syncStarted = started
    }
    return (gate, started)
  }

  func letSyncsThrough() {
    contents.withLock {
      let gate = $0.gate
      $0.gate = nil
      $0.syncStarted = nil
      gate?.signal()
    }
  }

  func failSyncs(_ code: Int32?) { contents.withLock { $0.syncError = code } }
  /// No more than so many segment files can be open.
  func limitSegments(_ limit: Int) { contents.withLock { $0.segmentLimit = limit } }
  /// Neither files nor directories can be opened.
  func failOpens(_ code: Int32?) {
    contents.withLock {
      $0.openError = code
      $0.directoryOpenError = code
    }
  }
  /// Directories cannot be opened to be fsynced.
  func failDirectoryOpens(_ code: Int32?) { contents.withLock { $0.directoryOpenError = code } }
  func failSyncs(ofDirectory path: String, _ code: Int32) {
    contents.withLock { $0.failingDirectory = (path, code) }
  }
  /// Nothing at or below `path` can be opened.
  func failOpens(under path: String, _ code: Int32) { contents.withLock { $0.failingTree = (path, code) } }
  /// What the disk says it has left.
  func setAvailableBytes(_ bytes: Int?) { contents.withLock { $0.availableBytes = bytes } }
  func failTruncates(_ code: Int32?) { contents.withLock { $0.truncateError = code } }
  func failWrites(_ fault: WriteFault?) { contents.withLock { $0.writeFault = fault } }

  fileprivate func noteRead(_ byteCount: Int, of path: String) {
    if path.hasSuffix(".log") { contents.withLock { $0.counts.segmentReadBytes += byteCount } }
  }

  fileprivate func beforeSync(_ path: String) throws(FileSystemError) {
    guard path.hasSuffix(".log") else { return }
    let (gate, started, error) = contents.withLock {
      $0.counts.segmentSyncs += 1
      return ($0.gate, $0.syncStarted, $0.syncError)
    }
    started?.signal()
    gate?.wait()
    if let error { throw FileSystemError(call: "fdatasync", path: path, code: error) }
  }

  fileprivate func beforeTruncate(_ path: String) throws(FileSystemError) {
    if let code = contents.withLock({ $0.truncateError }) {
      throw FileSystemError(call: "ftruncate", path: path, code: code)
    }
  }

  fileprivate func write(_ buffers: [ByteBuffer], at position: Int, to file: any File) -> WriteOutcome {
    guard file.path.hasSuffix(".log") else { return file.write(buffers, at: position) }
    let fault = contents.withLock {
      $0.counts.segmentWrites += 1
      return $0.writeFault
    }
    var all = ByteBuffer()
    for buffer in buffers { all.writeImmutableBuffer(buffer) }
    let (count, code): (Int, Int32)
    switch fault {
    case .stop(let after, let stopCode): (count, code) = (after, stopCode)
    case .refuseZeros(let refusalCode) where all.getInteger(at: 0, as: UInt8.self) == 0:
      (count, code) = (0, refusalCode)
    case .refuseZeros, nil: return file.write(buffers, at: position)
    }
    let part = all.readSlice(length: min(count, all.readableBytes)) ?? ByteBuffer()
    let done = file.write([part], at: position).byteCount
    return WriteOutcome(
      byteCount: done, error: FileSystemError(call: "pwritev", path: file.path, code: code))
  }

  private func beforeOpen(_ path: String, _ error: KeyPath<Contents, Int32?>) throws(FileSystemError) {
    let code = contents.withLock { contents in
      let tree = contents.failingTree.flatMap { path == $0.path || path.hasPrefix($0.path + "/") ? $0.code : nil }
      let code = contents[keyPath: error] ?? tree
      if code != nil { contents.counts.refusedOpens += 1 }
      return code
    }
    if let code { throw FileSystemError(call: "open", path: path, code: code) }
  }

  func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File {
    try beforeOpen(path, \.openError)
    guard path.hasSuffix(".log") else { return ProbeFile(try real.open(path, mode), self) }
    let isAllowed = contents.withLock { contents in
      guard contents.counts.openSegments < contents.segmentLimit else { return false }
      contents.counts.openSegments += 1
      contents.counts.mostOpenSegments = max(contents.counts.mostOpenSegments, contents.counts.openSegments)
      return true
    }
    guard isAllowed else { throw FileSystemError(call: "open", path: path, code: EMFILE) }
    do throws(FileSystemError) {
      return ProbeFile(try real.open(path, mode), self)
    } catch {
      noteClose(path)
      throw error
    }
  }

  fileprivate func noteClose(_ path: String) {
    if path.hasSuffix(".log") { contents.withLock { $0.counts.openSegments -= 1 } }
  }

  func createDirectory(_ path: String) throws(FileSystemError) -> Bool { try real.createDirectory(path) }
  func list(_ path: String) throws(FileSystemError) -> [String] { try real.list(path) }
  func status(_ path: String) throws(FileSystemError) -> FileStatus? { try real.status(path) }
  func rename(_ source: String, to target: String) throws(FileSystemError) {
    try real.rename(source, to: target)
    contents.withLock { $0.changes.append("rename to \(target)") }
  }
  func removeFile(_ path: String) throws(FileSystemError) { try real.removeFile(path) }
  func removeDirectory(_ path: String) throws(FileSystemError) { try real.removeDirectory(path) }
  func syncDirectory(_ path: String) throws(FileSystemError) {
    try beforeOpen(path, \.directoryOpenError)
    if let failing = contents.withLock({ $0.failingDirectory }), failing.path == path {
      throw FileSystemError(call: "open", path: path, code: failing.code)
    }
    try real.syncDirectory(path)
    contents.withLock { $0.changes.append("sync \(path)") }
  }
  func availableBytes(_ path: String) throws(FileSystemError) -> Int {
    if let bytes = contents.withLock({ $0.availableBytes }) { return bytes }
    return try real.availableBytes(path)
  }
  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? { try real.lock(path) }
}

private final class ProbeFile: File {
  private let real: any File
  private let probe: ProbeFileSystem

  init(_ real: any File, _ probe: ProbeFileSystem) {
    self.real = real
    self.probe = probe
  }

  deinit { probe.noteClose(path) }

  var path: String { real.path }

  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    let count = try real.read(into: bytes, at: position)
    probe.noteRead(count, of: path)
    return count
  }
  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome {
    probe.write(buffers, at: position, to: real)
  }
  func sync() throws(FileSystemError) {
    try probe.beforeSync(path)
    try real.sync()
  }
  func truncate(to byteCount: Int) throws(FileSystemError) {
    try probe.beforeTruncate(path)
    try real.truncate(to: byteCount)
  }
  func byteCount() throws(FileSystemError) -> Int { try real.byteCount() }
  func chunk(_ range: Range<Int>) -> Chunk { real.chunk(range) }
}
