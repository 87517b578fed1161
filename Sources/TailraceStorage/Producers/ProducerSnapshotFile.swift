internal import NIOCore
internal import TailraceWire

/// A partition's `<offset>.producers` files: a `ProducerSnapshot` each, whose last field is the CRC-32C of all bytes
/// before it. The name is the offset, in twenty digits, below which everything is in it.
///
/// Written durably before the state file that names it; older ones go afterwards. One that does not match its checksum
/// counts as missing: then what it held is read from the log again, as far as the log still has it.
struct ProducerSnapshotFile {
  let fileSystem: any FileSystem
  let directory: String

  private static let suffix = ".producers"
  private static let unfinishedSuffix = ".producers.new"
  /// Far more than the producers that are remembered take.
  private static let maxBytes = 64 << 20

  /// Writes what was remembered at `end`, durably, and removes the files before it.
  func write(_ producers: ProducerState, at end: Offset) throws(StorageError) {
    let snapshot = ProducerSnapshot(endOffset: end.rawValue, producers: producers.entries)
    let bytes: ByteBuffer
    do throws(EncodeError) { bytes = Checksummed.seal(try snapshot.encoded()) } catch {
      throw StorageError(.failed, "the producers of a partition could not be encoded: \(error)")
    }
    try DurableFile.replace(
      Self.name(end), temporaryName: LogSegment.fileName(end, suffix: Self.unfinishedSuffix), in: directory,
      with: bytes, fileSystem: fileSystem)
    try removeAll(before: end)
  }

  /// Removes the files of earlier places, also such as a crash left unfinished: their names never come again.
  func removeAll(before end: Offset) throws(StorageError) {
    do throws(FileSystemError) {
      for name in try fileSystem.list(directory) {
        let offset =
          LogSegment.baseOffset(ofFileName: name, suffix: Self.suffix)
          ?? LogSegment.baseOffset(ofFileName: name, suffix: Self.unfinishedSuffix)
        if let offset, offset < end { try fileSystem.removeFile("\(directory)/\(name)") }
      }
    } catch {
      throw StorageError(error, while: "removing earlier producers")
    }
  }

  /// The newest that can be read and is not of a place past `end`.
  func newest(upTo end: Offset) throws(StorageError) -> (producers: ProducerState, end: Offset)? {
    let found: [Offset]
    do throws(FileSystemError) { found = try offsets() } catch {
      throw StorageError(error, while: "listing producers")
    }
    for offset in found.reversed() where offset <= end {
      if let producers = try read(offset) { return (producers, offset) }
    }
    return nil
  }

  /// Whether the file of this name can be read and says what it should.
  func isIntact(_ name: String) -> Bool {
    guard let offset = LogSegment.baseOffset(ofFileName: name, suffix: Self.suffix) else { return false }
    do throws(StorageError) { return try read(offset) != nil } catch { return false }
  }

  /// Nil where it is missing or damaged.
  private func read(_ offset: Offset) throws(StorageError) -> ProducerState? {
    guard
      let bytes = try DurableFile.read(
        Self.name(offset), in: directory, maxBytes: Self.maxBytes, fileSystem: fileSystem),
      let content = Checksummed.open(bytes), let snapshot = try? ProducerSnapshot(decoding: content),
      snapshot.endOffset == offset.rawValue
    else { return nil }
    return ProducerState(snapshot.producers)
  }

  /// Of the files there are, ascending.
  private func offsets() throws(FileSystemError) -> [Offset] {
    try fileSystem.list(directory).compactMap { LogSegment.baseOffset(ofFileName: $0, suffix: Self.suffix) }.sorted()
  }

  private static func name(_ offset: Offset) -> String { LogSegment.fileName(offset, suffix: suffix) }
}
