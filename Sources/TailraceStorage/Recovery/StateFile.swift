package import NIOCore
internal import TailraceWire

/// A partition's `state` file: a `PartitionState` whose last field is the CRC-32C of all bytes before it.
///
/// Replaced as a whole: written to `state.new`, fsynced, renamed, directory fsynced. After a crash it is the old one or
/// the new one. One that does not match its checksum counts as missing.
package enum StateFile {
  package static let name = "state"
  private static let temporaryName = "state.new"
  /// Far more than any has.
  private static let maxBytes = 64 << 10

  /// Writes `state`, whose `crc32c` does not matter, durably.
  static func write(
    _ state: PartitionState, directory: String, fileSystem: any FileSystem
  ) throws(StorageError) {
    try DurableFile.replace(
      name, temporaryName: temporaryName, in: directory, with: try encode(state), fileSystem: fileSystem)
  }

  /// What stands in the file, `crc32c` set to 0; nil where it is missing or damaged.
  static func read(directory: String, fileSystem: any FileSystem) throws(StorageError) -> PartitionState? {
    guard let bytes = try DurableFile.read(name, in: directory, maxBytes: maxBytes, fileSystem: fileSystem) else {
      return nil
    }
    return decode(bytes)
  }

  static func encode(_ state: PartitionState) throws(StorageError) -> ByteBuffer {
    var plain = state
    plain.crc32c = 0
    do throws(EncodeError) {
      return Checksummed.seal(try plain.encoded())
    } catch {
      throw StorageError(.failed, "a partition's state could not be encoded: \(error)")
    }
  }

  static func decode(_ bytes: ByteBuffer) -> PartitionState? {
    content(bytes).flatMap { try? PartitionState(decoding: $0) }
  }

  /// The message without the checksum that ends it; nil where that does not match.
  package static func content(_ bytes: ByteBuffer) -> ByteBuffer? { Checksummed.open(bytes) }
}

extension PartitionState {
  /// Producers are remembered on disk up to here; past it they are read from the log. Zero where that is not known.
  var checkpointEnd: Offset { producersEndOffset < 0 ? .zero : Offset(max(0, durableEndOffset)) }
}
