internal import Logging
internal import Synchronization
internal import TailraceWire

extension LocalLogStore {
  package func close() async throws(StorageError) {
    try await control.run { [self] () throws(StorageError) in try closeNow() }
    control.close()
  }

  private func closeNow() throws(StorageError) {
    let isFirst = contents.withLock { contents in
      defer { contents.isClosed = true }
      return !contents.isClosed
    }
    guard isFirst else { throw .storeClosed }
    let logs = allLogs()
    maintenanceTicks.close()
    // What is under way ends first: it must not change what the clean stop vouches for.
    isStopping.store(true, ordering: .releasing)
    maintenance.finish()
    compaction.finish()
    for log in logs { log.seal(.storeClosed) }
    let outcomes = Mutex<(clean: CleanShutdown, failure: StorageError?)>((unopenedEntries(), nil))
    pool.forEach(logs.count) { [flusher] index in
      let log = logs[index]
      let result = Result { () throws(StorageError) in try log.closeCleanly(flusher) }
      flusher.carryOut(log.end(.storeClosed), of: log)
      outcomes.withLock { outcomes in
        switch result {
        case .success(let entry): outcomes.clean.entries[log.id] = entry
        case .failure(let error): outcomes.failure = outcomes.failure ?? error
        }
      }
    }
    flusher.close()
    pool.close()
    contents.withLock { $0.partitions = [:] }
    let (clean, failure) = outcomes.withLock { $0 }
    try clean.write(directory: data.path, fileSystem: data.fileSystem)
    lock.withLock { $0 = nil }
    if let failure { throw failure }
  }

  /// Partitions that nobody opened are as the last stop left them.
  private func unopenedEntries() -> CleanShutdown {
    CleanShutdown(entries: contents.withLock { $0.cleanEntries })
  }
}
