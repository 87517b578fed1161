internal import NIOCore

/// Small files that are there as a whole or not at all.
enum DurableFile {
  /// Writes `bytes` aside, fsyncs, renames, and fsyncs the directory.
  static func replace(
    _ name: String, temporaryName: String, in directory: String, with bytes: ByteBuffer, fileSystem: any FileSystem
  ) throws(StorageError) {
    let temporary = "\(directory)/\(temporaryName)"
    do throws(FileSystemError) {
      let file = try fileSystem.open(temporary, .replace)
      if let error = file.write([bytes], at: 0).error { throw error }
      try file.sync()
      try fileSystem.rename(temporary, to: "\(directory)/\(name)")
      try fileSystem.syncDirectory(directory)
    } catch {
      throw StorageError(error, while: "writing \(name)")
    }
  }

  /// The file's bytes; nil where it is not there or longer than `maxBytes`.
  static func read(
    _ name: String, in directory: String, maxBytes: Int, fileSystem: any FileSystem
  ) throws(StorageError) -> ByteBuffer? {
    let path = "\(directory)/\(name)"
    do throws(FileSystemError) {
      guard let status = try fileSystem.status(path), status.byteCount <= maxBytes else { return nil }
      return try fileSystem.open(path, .read).read(status.byteCount, at: 0)
    } catch {
      throw StorageError(error, while: "reading \(name)")
    }
  }
}
