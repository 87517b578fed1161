internal import NIOCore
internal import TailraceWire

/// The `clean-shutdown` file: written last by a store that closed in order, removed durably before anything is written
/// again.
///
/// A line of text for each partition that was closed with everything on disk, and a checksum:
///
///     <topic id, 32 hex digits>/<partition> <log end> <last segment's base> <its bytes> <last append, ms>
///     crc32c <8 hex digits of the CRC-32C of all lines above>
///
/// A partition that is not listed was not closed cleanly, whatever its state file says; a file that does not match its
/// checksum lists none.
struct CleanShutdown {
  static let name = "clean-shutdown"
  private static let temporaryName = "clean-shutdown.new"
  private static let maxBytes = 64 << 20

  /// How a partition was left.
  struct Entry: Sendable, Hashable {
    var logEnd: Offset
    /// Base offset of the last segment.
    var lastSegment: Offset
    var lastSegmentBytes: Int
    /// Milliseconds since 1970.
    var lastAppendTimestampMs: Int64
  }

  var entries: [PartitionID: Entry] = [:]

  /// Reads the file; nil where there is none.
  static func read(directory: String, fileSystem: any FileSystem) throws(StorageError) -> CleanShutdown? {
    guard let bytes = try DurableFile.read(name, in: directory, maxBytes: maxBytes, fileSystem: fileSystem) else {
      return nil
    }
    return parse(String(buffer: bytes))
  }

  /// Writes the file durably.
  func write(directory: String, fileSystem: any FileSystem) throws(StorageError) {
    try DurableFile.replace(
      Self.name, temporaryName: Self.temporaryName, in: directory, with: ByteBuffer(string: text),
      fileSystem: fileSystem)
  }

  /// Removes the file, durably, where it is there.
  static func remove(directory: String, fileSystem: any FileSystem) throws(StorageError) {
    do throws(FileSystemError) {
      guard try fileSystem.status("\(directory)/\(name)") != nil else { return }
      try fileSystem.removeFile("\(directory)/\(name)")
      try fileSystem.syncDirectory(directory)
    } catch {
      throw StorageError(error, while: "removing \(name)")
    }
  }

  var text: String {
    let lines = entries.map { id, entry in
      "\(id) \(entry.logEnd) \(entry.lastSegment) \(entry.lastSegmentBytes) \(entry.lastAppendTimestampMs)\n"
    }
    let content = lines.sorted().joined()
    return content + Self.checksumLine(of: content)
  }

  static func parse(_ text: String) -> CleanShutdown {
    let newline = text.utf8.dropLast().lastIndex(of: UInt8(ascii: "\n"))
    let last = newline.map(text.utf8.index(after:)) ?? text.startIndex
    guard checksumLine(of: String(text[..<last])) == text[last...] else { return CleanShutdown() }
    var result = CleanShutdown()
    for line in text[..<last].split(separator: "\n") {
      guard let (id, entry) = parseLine(line) else { return CleanShutdown() }
      result.entries[id] = entry
    }
    return result
  }

  private static func parseLine(_ line: Substring) -> (PartitionID, Entry)? {
    let words = line.split(separator: " ")
    guard words.count == 5, let slash = words[0].firstIndex(of: "/"),
      let topic = TopicID(hexadecimal: words[0][..<slash]),
      let index = UInt32(words[0][words[0].index(after: slash)...]),
      let logEnd = Int64(words[1]), let segment = Int64(words[2]), let bytes = Int(words[3]), bytes >= 0,
      let timestamp = Int64(words[4])
    else { return nil }
    let entry = Entry(
      logEnd: Offset(logEnd), lastSegment: Offset(segment), lastSegmentBytes: bytes, lastAppendTimestampMs: timestamp)
    return (PartitionID(topic: topic, index: index), entry)
  }

  private static func checksumLine(of content: String) -> String {
    let digits = String(CRC32C.checksum(ByteBuffer(string: content)), radix: 16)
    return "crc32c " + String(repeating: "0", count: 8 - digits.count) + digits + "\n"
  }
}
