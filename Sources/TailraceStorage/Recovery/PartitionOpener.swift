internal import Logging
internal import NIOCore
internal import TailraceWire

/// Makes or opens a partition's directory: takes a clean stop's word for it, else recovers. Blocks.
///
/// A partition of which the state file or a clean stop knows data is never begun anew: where that data is gone, it opens
/// as lost, and so it does at every later start.
struct PartitionOpener {
  let id: PartitionID
  /// The topic's directory, which is there.
  let topicDirectory: String
  let files: OpenFiles
  let logger: Logger
  /// How the partition was left; nil where it was not closed cleanly.
  let cleanEntry: CleanShutdown.Entry?

  var fileSystem: any FileSystem { files.fileSystem }
  var directory: String { "\(topicDirectory)/\(id.index)" }
  var producerFile: ProducerSnapshotFile { ProducerSnapshotFile(fileSystem: fileSystem, directory: directory) }

  /// The log. Everything that it says is there is on disk. One that was there before and cannot be opened has a fault.
  /// Throws where a new one cannot be made; and `.full`, where nothing is wrong with it and it may be tried again.
  func open() throws(StorageError) -> RecoveredLog {
    var wasMade = isThere || hasCleanData
    do throws(StorageError) {
      try makeDirectory()
      let state = try StateFile.read(directory: directory, fileSystem: fileSystem)
      if let state, state.topicID != id.topic.bytes || state.partition != id.index {
        throw StorageError(.incompatible, "\(directory) holds the state of another partition")
      }
      try finishSwaps(logStart: Offset(max(0, state?.logStartOffset ?? 0)))
      let bases = try dropTrimmed(try segmentBases(), state)
      if bases.isEmpty {
        if let lost = try lost(state) { return lost }
        wasMade = false
        return try begin(state)
      }
      if let state, let log = try openClean(state, bases) { return log }
      return try LogRecovery(opener: self, state: state, bases: bases).recover()
    } catch {
      guard wasMade, error.kind != .full else { throw error }
      return unusable(error, state: nil)
    }
  }

  private var hasCleanData: Bool { (cleanEntry?.logEnd ?? .zero) > .zero }

  /// Whether something stands where the directory belongs, as far as can be told.
  private var isThere: Bool {
    do throws(FileSystemError) { return try fileSystem.status(directory) != nil } catch { return true }
  }

  private func makeDirectory() throws(StorageError) {
    do throws(FileSystemError) {
      try fileSystem.createDirectoryDurably("\(id.index)", in: topicDirectory)
    } catch {
      throw StorageError(error, while: "making partition \(id)")
    }
  }

  /// Base offsets of the segment files, ascending.
  private func segmentBases() throws(StorageError) -> [Offset] {
    do throws(FileSystemError) {
      return try fileSystem.list(directory).compactMap { LogSegment.baseOffset(ofFileName: $0) }.sorted()
    } catch {
      throw StorageError(error, while: "opening partition \(id)")
    }
  }

  /// Removes segments that lie below the log's start and the checkpoint: a trim was broken off before it came to them.
  private func dropTrimmed(_ bases: [Offset], _ state: PartitionState?) throws(StorageError) -> [Offset] {
    guard let state else { return bases }
    let bound = min(Offset(state.logStartOffset), state.checkpointEnd)
    guard let first = bases.lastIndex(where: { $0 <= bound }), first > 0 else { return bases }
    do throws(FileSystemError) {
      for base in bases[..<first] { try LogSegment.removeFiles(path(of: base), baseOffset: base, fileSystem) }
      try fileSystem.syncDirectory(directory)
    } catch {
      throw StorageError(error, while: "removing what lies below the log's start of partition \(id)")
    }
    return Array(bases[first...])
  }

  /// No segment yet: a new partition, or one whose making was broken off.
  private func begin(_ found: PartitionState?) throws(StorageError) -> RecoveredLog {
    let start = Offset(max(0, found?.logStartOffset ?? 0))
    let state =
      found
      ?? PartitionState(
        topicID: id.topic.bytes, partition: id.index, logStartOffset: 0, durableEndOffset: 0, partitionEpoch: 0)
    if found == nil { try StateFile.write(state, directory: directory, fileSystem: fileSystem) }
    let path = path(of: start)
    let segment: LogSegment
    do throws(FileSystemError) {
      try files.open(path, .createNew).sync()
      try fileSystem.syncDirectory(directory)
      segment = LogSegment(baseOffset: start, path: path, byteCount: 0, files: files)
    } catch {
      throw StorageError(error, while: "making partition \(id)")
    }
    let end = LogPosition(offset: start, segment: start, position: 0)
    return RecoveredLog(
      segments: [segment], logStart: start, logEnd: end, durableEnd: end, partitionEpoch: state.partitionEpoch,
      lastAppendTimestampMs: 0, state: state)
  }

  /// The log as it was left; nil where it was not closed cleanly or is not as it was left.
  private func openClean(_ state: PartitionState, _ bases: [Offset]) throws(StorageError) -> RecoveredLog? {
    guard let entry = cleanEntry, let last = bases.last, state.cleanEndOffset == entry.logEnd.rawValue,
      entry.lastSegment == last, entry.logEnd >= last, try byteCount(of: last) == entry.lastSegmentBytes,
      bases[0].rawValue <= state.logStartOffset
    else {
      if cleanEntry != nil {
        logger.warning(
          "partition is not as a clean stop left it: recovering", metadata: .keys([.partition: "\(id)"]))
      }
      return nil
    }
    var segments: [LogSegment] = []
    for base in bases.dropLast() { segments.append(try sealedSegment(base)) }
    segments.append(
      LogSegment(baseOffset: last, path: path(of: last), byteCount: entry.lastSegmentBytes, files: files))
    let end = LogPosition(offset: entry.logEnd, segment: last, position: entry.lastSegmentBytes)
    let producers = try ProducerReplay(opener: self, state: state, segments: segments, end: end).replay()
    return RecoveredLog(
      segments: segments, producers: producers, logStart: Offset(state.logStartOffset), logEnd: end, durableEnd: end,
      partitionEpoch: state.partitionEpoch, epochs: state.epochs, lastAppendTimestampMs: entry.lastAppendTimestampMs,
      state: state)
  }

  /// A segment to which nothing is appended any more. Its file is not opened.
  func sealedSegment(_ base: Offset) throws(StorageError) -> LogSegment {
    let byteCount = try byteCount(of: base)
    let segment = LogSegment(baseOffset: base, path: path(of: base), byteCount: byteCount, files: files)
    segment.seal(byteCount: byteCount)
    return segment
  }

  func path(of base: Offset) -> String { "\(directory)/\(LogSegment.fileName(base))" }

  /// Length of a segment file.
  func byteCount(of base: Offset) throws(StorageError) -> Int {
    do throws(FileSystemError) {
      return try fileSystem.status(path(of: base))?.byteCount ?? 0
    } catch {
      throw StorageError(error, while: "opening partition \(id)")
    }
  }
}
