package import Logging
internal import Synchronization
package import TailraceWire

/// Partitions in one directory of this machine. Thread-safe.
///
/// Appends, and reads of what is indexed, run on the caller's thread; fsyncs on the flusher's threads; opening,
/// recovery and index building on a small pool; making and dropping topics on one thread of its own, so in order;
/// trimming and what retention asks for on another.
///
/// After opening, the store has no partitions: whoever keeps the topics' metadata makes them known with `create`, which
/// opens what is on disk.
package final class LocalLogStore: LogStore {
  /// How a store is run.
  package struct Options: Sendable, Hashable {
    /// Threads that fsync: at least 1.
    package var flusherThreads = 2
    /// Threads for opening, recovery and index building, which mostly wait for the disk: at least 1.
    package var blockingThreads = 8
    /// Segment files kept open, over all partitions, beyond those with something that is not on disk yet: at least 1.
    /// By default an eighth of what the process may have open, from 8 to 1024.
    package var idleOpenFiles = OpenFileLimit.idleFiles
    /// Segment files with something that is not on disk yet, over all partitions: where there are more, it is brought to
    /// disk so that they can be closed. At least 1; by default half of what the process may have open.
    package var unsyncedOpenFiles = OpenFileLimit.pinnedFiles
    /// Memory for the indexes of finished segments, bytes.
    package var indexCacheBytes = 64 << 20
    /// Appends are refused while the disk has less than this left, bytes; 0: only when it is full.
    package var diskReserveBytes = 0
    /// Room that is made ready on disk behind the batches of a partition whose appends wait for the disk, at most,
    /// bytes; 0: none.
    package var preallocatedBytes = 1 << 20
    /// A producer that has not written to a partition for so long is forgotten there, milliseconds.
    package var producerExpiryMs: Int64 = 86_400_000
    /// Pause between two rounds of maintenance (age of segments, retention, expiry), milliseconds of real time.
    package var maintenanceIntervalMs = 10_000
    /// What the map of keys may take while a partition is compacted, bytes; 24 for a key, and a third more. A log with
    /// more keys is gone over several times.
    package var compactionKeyMapBytes = 64 << 20
    /// A partition is compacted once this part of its finished segments was not gone over yet: from 0 to 1.
    package var compactionMinDirtyRatio = 0.5
    /// What the scrub reads in a second at most, bytes; 0: there is no scrub.
    package var scrubBytesPerSecond = 8 << 20
    /// A round of the scrub over all partitions begins this many milliseconds after the one before began, at the
    /// earliest.
    package var scrubIntervalMs: Int64 = 7 * 86_400_000

    package init() {}

    var compaction: CompactionOptions {
      CompactionOptions(keyMapBytes: compactionKeyMapBytes, minDirtyRatio: compactionMinDirtyRatio)
    }
  }

  let options: Options
  let data: DataDirectory
  let files: OpenFiles
  /// Held until the store is closed.
  let lock: Mutex<(any FileLock)?>
  /// In which epochs producers may write.
  let admitted = AdmittedProducers()
  let clock: any WallClock
  let logger: Logger
  let flusher: Flusher
  let pool: BlockingPool
  /// One thread: makes, drops, closes.
  let control: BlockingPool
  /// One thread: trims, and what is done from time to time.
  let maintenance: BlockingPool
  let reserve: DiskReserve
  /// Closed to stop maintenance and scrub.
  let maintenanceTicks = WorkQueue<Void>()
  /// One thread: compacts.
  let compaction: BlockingPool
  /// Whether the store is being closed: what takes long is to end.
  let isStopping = Atomic<Bool>(false)
  /// Whether there was an append: before the first, nobody can have looked whether a producer may write.
  let hasAppended = Atomic<Bool>(false)
  let contents: Mutex<Contents>

  struct Contents {
    var partitions: [PartitionID: PartitionLog] = [:]
    /// How partitions were left by a clean stop; taken out as they are opened.
    var cleanEntries: [PartitionID: CleanShutdown.Entry]
    var isClosed = false
    var startReport = StartReport()
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
    files = OpenFiles(
      fileSystem: fileSystem, limit: options.idleOpenFiles, pinnedLimit: options.unsyncedOpenFiles,
      maxIndexBytes: options.indexCacheBytes)
    reserve = DiskReserve(
      fileSystem: fileSystem, directory: directory, reserveBytes: options.diskReserveBytes)
    self.lock = Mutex(lock)
    let clean = try CleanShutdown.read(directory: directory, fileSystem: fileSystem)
    try CleanShutdown.remove(directory: directory, fileSystem: fileSystem)
    contents = Mutex(Contents(cleanEntries: clean?.entries ?? [:]))
    flusher = try Flusher(threadCount: options.flusherThreads, clock: clock)
    pool = try BlockingPool(name: "storage", threadCount: options.blockingThreads)
    control = try BlockingPool(name: "storage-control", threadCount: 1)
    maintenance = try BlockingPool(name: "maintenance", threadCount: 1)
    compaction = try BlockingPool(name: "compaction", threadCount: 1)
    removeDeletedTopics()
    try Self.keepMaintaining(self, everyMs: options.maintenanceIntervalMs, ticks: maintenanceTicks)
    try Self.keepScrubbing(self, ticks: maintenanceTicks)
  }

  deinit {
    maintenanceTicks.close()
    maintenance.close()
    compaction.close()
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
    of partition: PartitionID, past offset: Offset, bytes: Int, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter? {
    guard case .success(let log) = log(of: partition) else { return nil }
    return log.awaitAdvance(past: offset, bytes: bytes, notify: notify)
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
