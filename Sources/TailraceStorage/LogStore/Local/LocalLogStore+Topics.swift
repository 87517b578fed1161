internal import Logging
internal import Synchronization
package import TailraceWire

extension LocalLogStore {
  package func create(
    _ partitions: [PartitionID], topicName: String, config: LogConfig, fence: Fence
  ) async throws(StorageError) {
    try check(fence)
    guard TopicDirectory.isValid(topicName: topicName) else {
      throw StorageError(.incompatible, "topic names are 1 to 200 of A-Z, a-z, 0-9, '.', '_', '-'")
    }
    try await control.run { [self] () throws(StorageError) in
      let missing = try contents.withLockedResult { contents throws(StorageError) in
        guard !contents.isClosed else { throw .storeClosed }
        var seen: Set<PartitionID> = []
        return partitions.filter { contents.partitions[$0] == nil && seen.insert($0).inserted }
      }
      guard !missing.isEmpty else { return }
      for topic in Set(missing.map(\.topic)) {
        try makeTopicDirectory(TopicDirectory(topicName: topicName, topic: topic))
      }
      try openAll(missing, topicName: topicName, config: config)
    }
  }

  package func configure(topic: TopicID, config: LogConfig, fence: Fence) async throws(StorageError) {
    try check(fence)
    try await control.run { [self] () throws(StorageError) in
      for log in logs(of: topic) { flusher.carryOut(log.configure(config), of: log) }
    }
  }

  package func drop(topic: TopicID, fence: Fence) async throws(StorageError) {
    try check(fence)
    try await control.run { [self] () throws(StorageError) in
      guard !contents.withLock({ $0.isClosed }) else { throw .storeClosed }
      for log in logs(of: topic) {
        contents.withLock { $0.partitions[log.id] = nil }
        flusher.carryOut(log.end(.unknown(log.id)), of: log)
      }
      do throws(FileSystemError) {
        for directory in try topicDirectories() where directory.topic == topic && !directory.isDeleted {
          try setAside(directory)
        }
      } catch {
        throw StorageError(error, while: "dropping topic \(topic)")
      }
      contents.withLock { contents in
        for id in contents.cleanEntries.keys where id.topic == topic { contents.cleanEntries[id] = nil }
      }
      removeDeletedTopics()
    }
  }

  /// Topics that have a directory, whether they are opened or not; those on their way out are left out. To be compared
  /// with the metadata at start: what is not known there is to be dropped.
  package func topicsOnDisk() async throws(StorageError) -> [TopicDirectory] {
    try await control.run { [self] () throws(StorageError) in
      do throws(FileSystemError) {
        return try topicDirectories().filter { !$0.isDeleted }
      } catch {
        throw StorageError(error, while: "listing topics")
      }
    }
  }

  func check(_ fence: Fence) throws(StorageError) {
    guard fence == .local else { throw .fenced }
  }

  private func logs(of topic: TopicID) -> [PartitionLog] { allLogs().filter { $0.id.topic == topic } }

  // MARK: - Opening

  /// What stands there and is no directory is left to the topic's partitions to stumble over, each for itself.
  private func makeTopicDirectory(_ directory: TopicDirectory) throws(StorageError) {
    let fileSystem = data.fileSystem
    let path = "\(data.topicsPath)/\(directory.name)"
    do throws(FileSystemError) {
      do throws(FileSystemError) {
        _ = try fileSystem.createDirectory(path)
      } catch {
        guard !error.isOutOfResources, try fileSystem.status(path) != nil else { throw error }
      }
      try fileSystem.syncDirectory(data.topicsPath)
    } catch {
      throw StorageError(error, while: "making topic \(directory.topicName)")
    }
  }

  /// Opens the partitions side by side. Those that could be opened are in use afterwards, also where another failed.
  private func openAll(_ ids: [PartitionID], topicName: String, config: LogConfig) throws(StorageError) {
    let results = Mutex<[Result<PartitionLog, StorageError>]>([])
    pool.forEach(ids.count) { [self] index in
      let result = Result { () throws(StorageError) in
        try open(ids[index], topicName: topicName, config: config)
      }
      results.withLock { $0.append(result) }
    }
    var failure: StorageError?
    for result in results.withLock({ $0 }) {
      switch result {
      case .success(let log):
        contents.withLock {
          $0.partitions[log.id] = log
          $0.cleanEntries[log.id] = nil
        }
        flusher.carryOut(log.configure(config), of: log)
      case .failure(let error): failure = failure ?? error
      }
    }
    if let failure { throw failure }
  }

  private func open(_ id: PartitionID, topicName: String, config: LogConfig) throws(StorageError) -> PartitionLog {
    let topic = "\(data.topicsPath)/\(TopicDirectory(topicName: topicName, topic: id.topic).name)"
    let opener = PartitionOpener(
      id: id, topicDirectory: topic, files: files, logger: logger,
      cleanEntry: contents.withLock { $0.cleanEntries[id] })
    var recovered = try opener.open()
    // A snapshot may be from before they were forgotten.
    recovered.producers.expire(before: clock.nowMs() - options.producerExpiryMs)
    contents.withLock { $0.startReport.note(recovered) }
    return PartitionLog(
      id: id, directory: opener.directory, config: config, recovered: recovered, files: files,
      admitted: admitted, reserve: reserve, preallocatedBytes: options.preallocatedBytes, clock: clock, logger: logger)
  }

  // MARK: - Dropping

  private func topicDirectories() throws(FileSystemError) -> [TopicDirectory] {
    try data.fileSystem.list(data.topicsPath).compactMap(TopicDirectory.init(name:))
  }

  private func setAside(_ directory: TopicDirectory) throws(FileSystemError) {
    try data.fileSystem.rename(
      "\(data.topicsPath)/\(directory.name)", to: "\(data.topicsPath)/\(directory.deleted.name)")
    try data.fileSystem.syncDirectory(data.topicsPath)
  }

  /// Removes, in the background, what was set aside, also before the last stop.
  func removeDeletedTopics() {
    let fileSystem = data.fileSystem
    let topicsPath = data.topicsPath
    let logger = self.logger
    control.submit {
      do throws(FileSystemError) {
        for name in try fileSystem.list(topicsPath) {
          guard let directory = TopicDirectory(name: name), directory.isDeleted else { continue }
          try fileSystem.removeTree("\(topicsPath)/\(name)")
        }
      } catch {
        logger.warning("dropped topic not removed: the next start tries again", metadata: .keys([.error: "\(error)"]))
      }
    }
  }
}

extension Mutex where Value: ~Copyable {
  /// `withLock` for bodies that throw a storage error.
  borrowing func withLockedResult<Result: Sendable>(
    _ body: (inout sending Value) throws(StorageError) -> sending Result
  ) throws(StorageError) -> Result {
    try withLock(body)
  }
}
