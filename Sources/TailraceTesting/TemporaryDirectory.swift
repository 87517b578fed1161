package import NIOCore
internal import TailraceStorage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A directory of its own below TMPDIR (or /tmp), removed with this object.
package final class TemporaryDirectory: Sendable {
  package let path: String

  /// Makes it.
  package init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/tailrace-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FileSystemError(call: "mkdtemp", path: parent, code: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? Self.removeTree(path) }

  /// A copy as everything stands at this moment: what a process that is killed now would leave behind, but for what a
  /// write that is under way changes meanwhile.
  package func copy() throws -> TemporaryDirectory {
    let copy = try TemporaryDirectory()
    try Self.copyTree(path, to: copy.path)
    return copy
  }

  /// Names below `directory`, sorted; none where there is no such directory.
  package func names(in directory: String) throws -> [String] {
    guard try RealFileSystem().status("\(path)/\(directory)") != nil else { return [] }
    return try RealFileSystem().list("\(path)/\(directory)")
  }

  /// Makes a directory, and those above it below this one.
  package func makeDirectory(_ directory: String) throws {
    var made = path
    for name in directory.split(separator: "/") {
      made += "/\(name)"
      _ = try RealFileSystem().createDirectory(made)
    }
  }

  /// All bytes of a file.
  package func read(_ file: String) throws -> ByteBuffer { try Self.readFile("\(path)/\(file)") }

  private static func readFile(_ path: String) throws -> ByteBuffer {
    let file = try RealFileSystem().open(path, .read)
    return try file.read(try file.byteCount(), at: 0)
  }

  private static func copyTree(_ source: String, to target: String) throws {
    let fileSystem = RealFileSystem()
    for name in try fileSystem.list(source) {
      let (from, to) = ("\(source)/\(name)", "\(target)/\(name)")
      guard let status = try fileSystem.status(from) else { continue }
      if status.isDirectory {
        _ = try fileSystem.createDirectory(to)
        try copyTree(from, to: to)
      } else {
        let outcome = try fileSystem.open(to, .replace).write([try readFile(from)], at: 0)
        if let error = outcome.error { throw error }
      }
    }
  }

  private static func removeTree(_ path: String) throws {
    let fileSystem = RealFileSystem()
    for name in try fileSystem.list(path) {
      let child = "\(path)/\(name)"
      guard let status = try fileSystem.status(child) else { continue }
      if status.isDirectory { try removeTree(child) } else { try fileSystem.removeFile(child) }
    }
    try fileSystem.removeDirectory(path)
  }
}
