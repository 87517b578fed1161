internal import NIOCore
internal import TailraceWire

/// Finds the partitions below a directory, which is a data directory or a single partition's. Reads only: a lock is
/// asked for, never made.
package struct PartitionFinder {
  package struct Filter: Sendable, Hashable {
    package var topicName: String?
    package var partition: UInt32?

    package init(topicName: String? = nil, partition: UInt32? = nil) {
      self.topicName = topicName
      self.partition = partition
    }
  }

  private let path: String
  private let fileSystem: any FileSystem
  private let filter: Filter
  private var scope = VerifyScope()
  private var clean = CleanShutdown()
  private var found: Set<PartitionID> = []

  private init(path: String, filter: Filter, fileSystem: any FileSystem) {
    self.path = path
    self.filter = filter
    self.fileSystem = fileSystem
  }

  /// Looks at `path`, which is absolute and has no slash at its end. `.incompatible` where it is of a later release,
  /// `.unknownPartition` where it is no directory of a broker's.
  package static func find(
    _ path: String, filter: Filter = Filter(), fileSystem: any FileSystem = RealFileSystem()
  ) throws(StorageError) -> VerifyScope {
    let names = try fileSystem.listed(path)
    if names.contains("topics") || names.contains(DataDirectory.formatName) {
      var finder = PartitionFinder(path: path, filter: filter, fileSystem: fileSystem)
      try finder.findAll()
      return finder.scope
    }
    let isPartition = names.contains { name in
      switch PartitionFile(name: name) {
      case .segment, .state: true
      default: false
      }
    }
    guard isPartition else {
      throw StorageError(
        .unknownPartition,
        "\(path) is neither a data directory (no topics, no \(DataDirectory.formatName)) nor a partition's (no segment,"
          + " no state file)")
    }
    return try findOne(path, fileSystem)
  }

  // MARK: - One partition

  private static func findOne(_ path: String, _ fileSystem: any FileSystem) throws(StorageError) -> VerifyScope {
    let components = path.split(separator: "/")
    var scope = VerifyScope()
    scope.topicCount = 1
    var place = PartitionPlace(name: path, directory: path)
    let data = "\(path)/../../.."
    if components.count > 2, components[components.count - 3] == "topics",
      let topic = TopicDirectory(name: String(components[components.count - 2])),
      let index = UInt32(components[components.count - 1])
    {
      let id = PartitionID(topic: topic.topic, index: index)
      place.name = "\(topic.topicName)/\(index)"
      place.id = id
      scope.isInUse = try fileSystem.isInUse(data)
      place.cleanEnd = try CleanShutdown.read(directory: data, fileSystem: fileSystem)?.entries[id]?.logEnd
    }
    scope.partitions = [place]
    return scope
  }

  // MARK: - A data directory

  private mutating func findAll() throws(StorageError) {
    scope.isInUse = try fileSystem.isInUse(path)
    try checkFormat()
    try readCleanShutdown()
    let topics = "\(path)/topics"
    guard try fileSystem.isThere(topics) else { return }
    for name in try fileSystem.listed(topics) {
      guard let topic = TopicDirectory(name: name) else {
        addLeftover("\(topics)/\(name)", "not a topic's directory")
        continue
      }
      if topic.isDeleted {
        addLeftover("\(topics)/\(name)", "a topic that was deleted; the next start removes it")
      } else if filter.topicName == nil || filter.topicName == topic.topicName {
        scope.topicCount += 1
        try findPartitions(of: topic, "\(topics)/\(name)")
      }
    }
    if filter == Filter() { noteMissing() }
  }

  private mutating func checkFormat() throws(StorageError) {
    let file = "\(path)/\(DataDirectory.formatName)"
    guard
      let bytes = try DurableFile.read(
        DataDirectory.formatName, in: path, maxBytes: DataDirectory.maxFormatBytes, fileSystem: fileSystem)
    else {
      scope.findings.append(VerifyFinding(.error, .state, path: file, "it is missing, or longer than any is"))
      return
    }
    let text = String(buffer: bytes)
    do throws(StorageError) {
      _ = try DataFormatText.parse(text)
    } catch {
      if DataFormatText.isOfLaterRelease(text) { throw error }
      scope.findings.append(VerifyFinding(.error, .state, path: file, error.message))
    }
  }

  private mutating func readCleanShutdown() throws(StorageError) {
    let file = "\(path)/\(CleanShutdown.name)"
    guard let entries = try CleanShutdown.read(directory: path, fileSystem: fileSystem) else { return }
    clean = entries
    let bytes = try DurableFile.read(CleanShutdown.name, in: path, maxBytes: 64 << 20, fileSystem: fileSystem)
    guard entries.entries.isEmpty, let bytes, String(buffer: bytes) != entries.text else { return }
    scope.findings.append(
      VerifyFinding(
        .error, .state, path: file, "it does not match its checksum: the next start checks every partition's tail"))
  }

  private mutating func findPartitions(of topic: TopicDirectory, _ directory: String) throws(StorageError) {
    var indexes: [UInt32] = []
    let names: [String]
    do throws(StorageError) {
      names = try fileSystem.listed(directory)
    } catch {
      scope.findings.append(VerifyFinding(.error, .unreadable, path: directory, error.message))
      return
    }
    for name in names {
      if let index = UInt32(name), String(index) == name {
        indexes.append(index)
      } else {
        addLeftover("\(directory)/\(name)", "not a partition's directory")
      }
    }
    for index in indexes.sorted() where filter.partition == nil || filter.partition == index {
      let id = PartitionID(topic: topic.topic, index: index)
      found.insert(id)
      scope.partitions.append(
        PartitionPlace(
          name: "\(topic.topicName)/\(index)", directory: "\(directory)/\(index)", id: id,
          cleanEnd: clean.entries[id]?.logEnd))
    }
  }

  /// Partitions that the last clean stop knew, and that have no directory.
  private mutating func noteMissing() {
    for (id, entry) in clean.entries.sorted(by: { "\($0.key)" < "\($1.key)" })
    where !found.contains(id) && entry.logEnd > .zero {
      scope.findings.append(
        VerifyFinding(
          .error, .missing, path: "\(path)/topics", offset: .zero, endOffset: entry.logEnd,
          "partition \(id) has no directory; the last clean stop left it with offsets up to \(entry.logEnd) (exclusive)"
        ))
    }
  }

  private mutating func addLeftover(_ path: String, _ reason: String) {
    scope.findings.append(VerifyFinding(.warning, .leftover, path: path, reason))
  }
}

extension FileSystem {
  /// Whether a process has the data directory open.
  fileprivate func isInUse(_ dataDirectory: String) throws(StorageError) -> Bool {
    do throws(FileSystemError) {
      return try isLocked("\(dataDirectory)/\(DataDirectory.lockName)")
    } catch {
      throw StorageError(error, while: "asking whether a broker is at work")
    }
  }

  fileprivate func isThere(_ path: String) throws(StorageError) -> Bool {
    do throws(FileSystemError) {
      return try status(path) != nil
    } catch {
      throw StorageError(error, while: "looking for \(path)")
    }
  }
}
