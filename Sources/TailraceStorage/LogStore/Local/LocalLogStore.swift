package import Logging
internal import Synchronization
package import TailraceWire

/// Partitions in one directory of this machine. Thread-safe.
///
/// Appends, and reads of what is indexed, run on the caller's thread; fsyncs on the flusher's threads; opening,
/// recovery and index building on a small pool; making and dropping topics on one thread of its own, so in order.
///
/// After opening, the store has no partitions: whoever keeps the topics' metadata makes them known with `create`, which
/// opens what is on disk.
package final class LocalLogStore: LogStore {
  /// How a store is run.
  package struct Options: Sendable, Hashable {
    /// Threads that fsync: at least 1.
    package var flusherThreads = 2
    /// Threads for opening, recovery and index building: at least 1.
    package var blockingThreads = 2
    /// Segment files kept open, over all partitions, beyond those with something that is not on disk yet: at least 1.
    /// By default a quarter of what the process may have open, from 8 to 1024.
    package var idleOpenFiles = OpenFileLimit.idleFiles
    /// What the scrub reads in a second at most, bytes; 0: there is no scrub.
    package var scrubBytesPerSecond = 8 << 20
    /// A round of the scrub over all partitions begins this many milliseconds after the one before began, at the
    /// earliest.
    package var scrubIntervalMs: Int64 = 7 * 86_400_000

    package init() {}
  }

  let options: Options
  let data: DataDirectory
  let files: OpenFiles
  /// Held until the store is closed.
  let lock: Mutex<(any FileLock)?>
  let clock: any WallClock
  let logger: Logger
  let flusher: Flusher
  let pool: BlockingPool
  /// One thread: makes, drops, closes.
  let control: BlockingPool
  let contents: Mutex<Contents>

  struct Contents {
    var partitions: [PartitionID: PartitionLog] = [:]
    /// How partitions were left by a clean stop; taken out as they are opened.
    var cleanEntries: [PartitionID: CleanShutdown.Entry]
    var isClosed = false
  }

  /// The cluster's id: 32 hexadecimal digits, drawn when the directory was made.
  package var clusterID: String { data.clusterID }

  /// Opens the directory, making it where it is not there (its parent must be). Blocks.
  ///
  /// Refused (`.incompatible`) where another process uses it or its format is of a later release.
  package init(
    directory: String, fileSystem: any FileSystem = RealFileSystem(), clock: any WallClock = SystemClock(),
    logger: Logger, options: Options = Options()
  ) throws(StorageError) {
    self.options = options
    self.clock = clock
    self.logger = logger
    let (data, lock) = try DataDirectory.open(directory, fileSystem: fileSystem)
    self.data = data
    files = OpenFiles(fileSystem: fileSystem, limit: options.idleOpenFiles)
    self.lock = Mutex(lock)
    let clean = try CleanShutdown.read(directory: directory, fileSystem: fileSystem)
    try CleanShutdown.remove(directory: directory, fileSystem: fileSystem)
    contents = Mutex(Contents(cleanEntries: clean?.entries ?? [:]))
    flusher = try Flusher(threadCount: options.flusherThreads, clock: clock)
    pool = try BlockingPool(name: "storage", threadCount: options.blockingThreads)
    control = try BlockingPool(name: "storage-control", threadCount: 1)
    removeDeletedTopics()
  }

  deinit {
    flusher.close()
    pool.close()
    control.close()
  }

  /// The partition's log, or why there is none.
  func log(of partition: PartitionID) -> Result<PartitionLog, StorageError> {
    contents.withLock { contents in
      if let log = contents.partitions[partition] { return .success(log) }
      return .failure(contents.isClosed ? .storeClosed : .unknown(partition))
    }
  }

  package func bounds(of partition: PartitionID) throws(StorageError) -> PartitionBounds {
    let log = try log(of: partition).get()
    if let unreadable = log.unreadable { throw unreadable }
    return log.bounds
  }

  package func awaitAdvance(
    of partition: PartitionID, past offset: Offset, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter? {
    guard case .success(let log) = log(of: partition) else { return nil }
    return log.awaitAdvance(past: offset, notify: notify)
  }

  package func cancel(_ waiter: AdvanceWaiter) {
    guard case .success(let log) = log(of: waiter.partition) else { return }
    log.cancel(waiter)
  }

  package func describe(_ partition: PartitionID) async throws(StorageError) -> PartitionFigures {
    let log = try log(of: partition).get()
    return try await pool.run { () throws(StorageError) in try log.figures() }
  }

  package func firstOffset(
    atOrAfter timestampMs: Int64, in partition: PartitionID,
    completion: @escaping @Sendable (Result<TimestampedOffset?, StorageError>) -> Void
  ) {
    switch log(of: partition) {
    case .failure(let error): completion(.failure(error))
    case .success(let log):
      let isTaken = pool.submit {
        completion(Result { () throws(StorageError) in try log.firstOffset(atOrAfter: timestampMs) })
      }
      if !isTaken { completion(.failure(.storeClosed)) }
    }
  }
}

extension StorageError {
  static let storeClosed = StorageError(.closed, "the store is closed")

  static func unknown(_ partition: PartitionID) -> StorageError {
    StorageError(.unknownPartition, "partition \(partition) is not known")
  }

  static let fenced = StorageError(.fenced, "a local store has one writer, the local one")
}
