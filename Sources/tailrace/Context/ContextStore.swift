import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The file of contexts: $XDG_CONFIG_HOME/tailrace/contexts.json.
///
/// A change replaces the file as a whole (a new one is written, synced and renamed), with the directory locked, so that
/// two changes at a time do not undo each other. The file is its owner's alone to read.
struct ContextStore {
  /// Longest file that is read, in bytes, inclusive.
  private static let maxBytes = 1 << 20

  let directory: String
  var path: String { directory + "/contexts.json" }

  /// Nil where the environment names neither a configuration directory nor a home.
  ///
  /// Source: https://specifications.freedesktop.org/basedir-spec/latest/
  init?(environment: [String: String]) {
    if let path = environment["XDG_CONFIG_HOME"], path.hasPrefix("/") {
      directory = path + "/tailrace"
    } else if let home = environment["HOME"], home.hasPrefix("/") {
      directory = home + "/.config/tailrace"
    } else {
      return nil
    }
  }

  /// The contexts; none where there is no file. What is no file of contexts is a failure.
  func load() throws(CommandFailure) -> Contexts {
    var bytes = ByteBuffer()
    do throws(SystemError) {
      let file = try Descriptor.open(reading: path)
      defer { close(file.number) }
      while bytes.readableBytes <= Self.maxBytes, try file.read(into: &bytes, maxBytes: 64 << 10) > 0 {}
    } catch {
      guard error.code != ENOENT else { return Contexts() }
      throw failure("cannot read", error)
    }
    guard bytes.readableBytes <= Self.maxBytes else { throw damaged("it is longer than \(Self.maxBytes) bytes") }
    do throws(ContextsError) {
      return try Contexts(json: String(buffer: bytes))
    } catch {
      throw damaged("\(error)")
    }
  }

  /// Changes the contexts. Nothing is written where `change` throws.
  func update(_ change: (inout Contexts) throws(CommandFailure) -> Void) throws(CommandFailure) {
    try makeDirectories()
    let lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else { throw failure("cannot open", .last) }
    // Lets go of the lock, too.
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0 {
      guard errno == EINTR else { throw failure("cannot lock", .last) }
    }
    var contexts = try load()
    try change(&contexts)
    do throws(SystemError) {
      try replace(with: contexts.json)
      guard fsync(lock) == 0 else { throw .last }
    } catch {
      throw failure("cannot write", error)
    }
  }

  private func replace(with text: String) throws(SystemError) {
    // Only who holds the lock writes it: what is left of one who died may be written over.
    let temporary = path + ".new"
    unlink(temporary)
    let number = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard number >= 0 else { throw .last }
    do throws(SystemError) {
      defer { close(number) }
      let bytes = Array(text.utf8)
      try bytes.withUnsafeBytes { bytes in
        Result { () throws(SystemError) in try Descriptor(number: number).write(bytes) }
      }.get()
      guard fsync(number) == 0 else { throw .last }
      guard rename(temporary, path) == 0 else { throw .last }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private func makeDirectories() throws(CommandFailure) {
    var made = ""
    for part in directory.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o700) != 0, errno != EEXIST else { continue }
      // A directory above that cannot be made may still be there.
      let error = SystemError.last
      guard access(made, F_OK) != 0 else { continue }
      throw CommandFailure("cannot make '\(made)': \(error)", exitCode: ExitStatus.inputOutputFailed)
    }
  }

  private func failure(_ what: String, _ error: SystemError) -> CommandFailure {
    CommandFailure("\(what) the contexts in '\(path)': \(error)", exitCode: ExitStatus.inputOutputFailed)
  }

  private func damaged(_ reason: String) -> CommandFailure {
    CommandFailure(
      "the contexts in '\(path)' cannot be used: \(reason); mend the file, or remove it and add them again",
      exitCode: ExitStatus.usage)
  }
}
