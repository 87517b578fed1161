internal import Synchronization

/// Opens segment files for a store, and keeps those open that nothing unsynced was written to: at most so many, the
/// least recently used closed first.
///
/// A file taken out or pushed out stays open for whoever still holds it, a region on its way to a socket included.
/// Thread-safe; its lock is the innermost and is never held across I/O.
final class OpenFiles: Sendable {
  /// Who a file is kept for: a segment.
  typealias Owner = ObjectIdentifier

  let fileSystem: any FileSystem
  /// The indexes of finished segments that are in memory.
  let indexes: IndexCache
  private let limit: Int
  private let pinnedLimit: Int
  private let contents = Mutex(Contents())
  private let pinnedCount = Atomic<Int>(0)

  private struct Entry {
    var file: any File
    /// Larger than that of every entry used earlier.
    var lastUse: UInt64
  }

  private struct Contents {
    var entries: [Owner: Entry] = [:]
    var useCount: UInt64 = 0

    mutating func nextUse() -> UInt64 {
      useCount += 1
      return useCount
    }
  }

  /// `limit`: files kept open, at least 1; `pinnedLimit`: files open because of bytes that are not on disk yet;
  /// `maxIndexBytes`: memory for indexes of finished segments.
  init(fileSystem: any FileSystem, limit: Int, pinnedLimit: Int = .max, maxIndexBytes: Int = 64 << 20) {
    self.fileSystem = fileSystem
    indexes = IndexCache(limit: maxIndexBytes)
    self.limit = max(1, limit)
    self.pinnedLimit = max(1, pinnedLimit)
  }

  /// Whether so many files are open because of bytes that are not on disk yet that it is time to bring some there.
  var hasManyPinned: Bool { pinnedCount.load(ordering: .relaxed) > pinnedLimit }

  /// Counts a file that stays open until it is on disk; -1: not any more.
  func notePinned(_ change: Int) { pinnedCount.add(change, ordering: .relaxed) }

  /// Opens a file. Where descriptors have run out, all that are kept here are given up for it first.
  func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File {
    do throws(FileSystemError) {
      return try fileSystem.open(path, mode)
    } catch {
      guard error.isFailedOpenForResources, closeAll() else { throw error }
      return try fileSystem.open(path, mode)
    }
  }

  /// The file kept for `owner`; nil where there is none.
  func file(of owner: Owner) -> (any File)? {
    contents.withLock { contents in
      let use = contents.nextUse()
      contents.entries[owner]?.lastUse = use
      return contents.entries[owner]?.file
    }
  }

  /// Keeps `file` for `owner`. May close another.
  func keep(_ file: any File, for owner: Owner) {
    let old = contents.withLock { contents in
      var old = contents.entries.updateValue(Entry(file: file, lastUse: contents.nextUse()), forKey: owner)
      // A search through all is little beside the opening and closing that go with it.
      if contents.entries.count > limit, let oldest = contents.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        old = contents.entries.removeValue(forKey: oldest.key)
      }
      return old
    }
    withExtendedLifetime(old) {}
  }

  /// Takes the file of `owner` out; nil where there is none.
  @discardableResult
  func take(of owner: Owner) -> (any File)? {
    contents.withLock { $0.entries.removeValue(forKey: owner)?.file }
  }

  /// Closes all that are kept. False where there were none.
  @discardableResult
  func closeAll() -> Bool {
    let entries = contents.withLock { contents in
      let entries = contents.entries
      contents.entries = [:]
      return entries
    }
    return !entries.isEmpty
  }
}
