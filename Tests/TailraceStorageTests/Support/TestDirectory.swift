import Glibc
import NIOCore
@testable import TailraceStorage

/// A directory of its own for one test; removed with it.
final class TestDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/tailrace-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FileSystemError(call: "mkdtemp", path: "/tmp", code: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? RealFileSystem().removeTree(path) }

  /// Copies everything as it stands now: what a process that is killed would leave behind.
  func copy() throws -> TestDirectory {
    let copy = try TestDirectory()
    try Self.copyTree(path, to: copy.path)
    return copy
  }

  private static func copyTree(_ source: String, to target: String) throws {
    let fileSystem = RealFileSystem()
    for name in try fileSystem.list(source) {
      let (from, to) = ("\(source)/\(name)", "\(target)/\(name)")
      if try fileSystem.status(from)?.isDirectory == true {
        _ = try fileSystem.createDirectory(to)
        try copyTree(from, to: to)
      } else {
        // A checkpoint may be renamed into place while the copy is made.
        do { try write(try read(from), to: to) } catch let error as FileSystemError where error.isNotFound {}
      }
    }
  }

  static func read(_ path: String) throws -> ByteBuffer {
    let file = try RealFileSystem().open(path, .read)
    return try file.read(try file.byteCount(), at: 0)
  }

  static func write(_ bytes: ByteBuffer, to path: String) throws {
    let outcome = try RealFileSystem().open(path, .replace).write([bytes], at: 0)
    if let error = outcome.error { throw error }
  }

  /// Paths of the partition's files whose names end with `suffix`, sorted.
  func files(_ suffix: String, partition: String = "0") throws -> [String] {
    let fileSystem = RealFileSystem()
    var found: [String] = []
    for topic in try fileSystem.list("\(path)/topics") {
      let directory = "\(path)/topics/\(topic)/\(partition)"
      guard try fileSystem.status(directory) != nil else { continue }
      found += try fileSystem.list(directory).filter { $0.hasSuffix(suffix) }.map { "\(directory)/\($0)" }
    }
    return found
  }
}
