#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import Synchronization
package import TailraceStorage

/// What can be made to fail.
package enum FileSystemCall: Hashable, Sendable, CaseIterable {
  case open, createDirectory, list, status, rename, removeFile, removeDirectory, syncDirectory, availableBytes, lock
  case read, write, sync, truncate, byteCount
}

/// When calls fail, and how.
package struct FileSystemFault: Sendable, Hashable {
  /// Which calls are counted, and fail.
  package var calls: Set<FileSystemCall>
  /// The number of the first that fails, from 0.
  package var first: Int
  /// How many fail.
  package var count: Int
  /// The `errno` with which they do.
  package var code: Int32
  /// How much of a write's bytes is written before it fails, in percent.
  package var writtenPercent: Int

  package init(
    _ calls: Set<FileSystemCall> = Set(FileSystemCall.allCases), first: Int = 0, count: Int = 1, code: Int32,
    writtenPercent: Int = 0
  ) {
    self.calls = calls
    self.first = first
    self.count = count
    self.code = code
    self.writtenPercent = writtenPercent
  }
}

/// Counts calls and says which fail; for one file system, or several one after the other. Thread-safe.
package final class FaultPlan: Sendable {
  private struct Contents {
    var fault: FileSystemFault?
    var callCounts: [FileSystemCall: Int] = [:]
    /// Calls of the fault's kinds since it was set.
    var counted = 0
    var failures: [FileSystemError] = []
  }

  private let contents = Mutex(Contents())

  /// `fault`: what fails from the beginning on; nil: nothing.
  package init(_ fault: FileSystemFault? = nil) { fail(fault) }

  /// Sets what fails from now on, counted from now; nil: nothing.
  package func fail(_ fault: FileSystemFault?) {
    contents.withLock {
      $0.fault = fault
      $0.counted = 0
    }
  }

  /// How many calls of the kinds there were.
  package func callCount(_ calls: Set<FileSystemCall> = Set(FileSystemCall.allCases)) -> Int {
    contents.withLock { contents in calls.reduce(0) { $0 + (contents.callCounts[$1] ?? 0) } }
  }

  /// What was made to fail, in order.
  package var failures: [FileSystemError] { contents.withLock { $0.failures } }

  /// Counts a call; what it is to fail with, and after how much of a write.
  func count(_ call: FileSystemCall, _ path: String) -> (error: FileSystemError, writtenPercent: Int)? {
    contents.withLock { contents in
      contents.callCounts[call, default: 0] += 1
      guard let fault = contents.fault, fault.calls.contains(call) else { return nil }
      let number = contents.counted - fault.first
      contents.counted += 1
      guard number >= 0, number < fault.count else { return nil }
      let error = FileSystemError(call: call.systemName(failingWith: fault.code), path: path, code: fault.code)
      contents.failures.append(error)
      return (error, fault.writtenPercent)
    }
  }

  /// Counts a call that is no write; throws where it is to fail.
  func check(_ call: FileSystemCall, _ path: String) throws(FileSystemError) {
    if let (error, _) = count(call, path) { throw error }
  }
}

extension FileSystemCall {
  /// What the real file system calls it in an error. Bringing a directory to disk opens it first, which is what can
  /// fail for want of descriptors.
  fileprivate func systemName(failingWith code: Int32) -> String {
    switch self {
    case .open: FileSystemError.openCall
    case .syncDirectory where code == EMFILE || code == ENFILE: FileSystemError.openCall
    case .createDirectory: "mkdir"
    case .list: "opendir"
    case .status: "lstat"
    case .rename: "rename"
    case .removeFile: "unlink"
    case .removeDirectory: "rmdir"
    case .syncDirectory: "fsync"
    case .availableBytes: "statvfs"
    case .lock: "flock"
    case .read: "pread"
    case .write: "pwritev"
    case .sync: "fdatasync"
    case .truncate: "ftruncate"
    case .byteCount: "fstat"
    }
  }
}
