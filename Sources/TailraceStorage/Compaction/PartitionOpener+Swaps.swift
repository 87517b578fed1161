internal import Logging
internal import TailraceWire

/// What a compaction that was broken off has left behind.
extension PartitionOpener {
  /// Removes files that were being written, and gets those to the end that have replaced segments, see `SegmentSwap`.
  /// Before anything else looks at the segments.
  func finishSwaps(logStart: Offset) throws(StorageError) {
    do throws(FileSystemError) {
      let names = try fileSystem.list(directory)
      for name in names where name.hasSuffix(".\(SegmentSwap.Stage.compacting)") {
        try fileSystem.removeFile("\(directory)/\(name)")
      }
      for name in names {
        guard let swap = SegmentSwap(directory: directory, fileName: name) else { continue }
        try finish(swap, bases: names.compactMap { LogSegment.baseOffset(ofFileName: $0) }.sorted(), logStart: logStart)
      }
    } catch {
      throw StorageError(error, while: "opening partition \(id)")
    }
  }

  /// It was on disk before it got its name, so it is believed, if it is whole, and the log goes on behind it. Where it is
  /// not, and the segments that it was to replace are all there, those count. Where they are not, it is the only copy.
  private func finish(_ swap: SegmentSwap, bases: [Offset], logStart: Offset) throws(FileSystemError) {
    guard swap.end > logStart else { return try fileSystem.removeFile(swap.path(.swap)) }
    let (end, reason) = try reach(of: swap.path(.swap), from: swap.base)
    let isWhole = end == swap.end && reason == nil
    if !isWhole || !bases.contains(swap.end), try reach(of: bases, in: swap) >= swap.end {
      let tail = TornTail(fileSystem: fileSystem, directory: directory)
      try tail.setAside(swap.name(.swap))
      logger.error(
        "compacted segment set aside: what it was to replace is there",
        metadata: .keys([
          .partition: "\(id)", .file: swap.name(.swap), .offset: "\(end)", .reason: reason ?? "it does not fit",
        ]))
      return
    }
    if !isWhole {
      logger.error(
        "compacted segment is damaged, and the only copy",
        metadata: .keys([
          .partition: "\(id)", .file: swap.name(.swap), .offset: "\(end)", .reason: reason ?? "it does not fit",
        ]))
    }
    try swap.install(over: bases, fileSystem)
    logger.info(
      "compaction of a segment finished", metadata: .keys([.partition: "\(id)", .file: swap.name(.log)]))
  }

  /// How far the segments go on without a gap that a swap is to replace.
  private func reach(of bases: [Offset], in swap: SegmentSwap) throws(FileSystemError) -> Offset {
    var end = swap.base
    for base in bases where base >= swap.base && base < swap.end {
      guard base == end else { break }
      let (next, reason) = try reach(of: path(of: base), from: base)
      end = next
      guard reason == nil else { break }
    }
    return end
  }

  /// How far the batches of a file go on without a gap from `base`, by their headers; and why no further, nil where it
  /// is whole.
  private func reach(of path: String, from base: Offset) throws(FileSystemError) -> (end: Offset, reason: String?) {
    let file = try files.open(path, .read)
    var scanner = BatchScanner(file: file, byteCount: try file.byteCount(), windowBytes: 1 << 20)
    var end = base
    do throws(BatchScanner.Fault) {
      while let batch = try scanner.nextChecked() {
        guard batch.header.baseOffset == end, let next = batch.header.nextOffset else {
          return (end, "offset \(end) is in no batch")
        }
        end = next
      }
      return (end, nil)
    } catch {
      switch error {
      case .notABatch(let reason): return (end, reason)
      case .unreadable(let cause): throw cause
      }
    }
  }
}
