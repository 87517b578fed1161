internal import Logging
internal import NIOCore
internal import TailraceWire

/// Recovers a partition that was not closed cleanly: every batch from the checkpoint on is checked, header and records;
/// the first that fails ends the log. What is accepted is written once more and fsynced before it is served: a page that
/// an earlier fsync failed to write may be in the page cache and not on disk, and counts as clean there.
///
/// What follows that end is a torn tail, which is kept aside and cut, unless it is proven to have been on disk: by the
/// state file's checkpoint, or by the `durable_end` of a later valid batch. Then nothing is cut, and the partition
/// reports the loss; what lies below stays readable.
struct LogRecovery {
  let opener: PartitionOpener
  let state: PartitionState?
  /// Base offsets of all segments, ascending, at least one.
  let bases: [Offset]

  /// Where checking stopped, and why.
  private struct Damage {
    /// Index into `bases`.
    var segment: Int
    var position: Int
    var reason: String
  }

  /// The part of a segment that was checked, is in order and past the checkpoint.
  private struct Checked {
    var segment: LogSegment
    var from: Int
    var to: Int
    /// Bytes that were looked at.
    var scanned = 0
    /// Whether zeros follow `to`: room that was not used.
    var hasRoom = false
  }

  /// What is known after the check.
  private struct Findings {
    var segments: [LogSegment] = []
    var checked: [Checked] = []
    var end: LogPosition
    /// The highest offset below which everything was once on disk.
    var provenEnd: Offset
    var lastAppendTimestampMs: Int64 = 0
    var lastEpoch: UInt32 = 0
    var damage: Damage?
    var figures = RecoveryFigures()
  }

  private var id: PartitionID { opener.id }

  /// Below it everything was on disk, as the state file says.
  private var checkpoint: Offset { Offset(state?.durableEndOffset ?? bases[0].rawValue) }

  func recover() throws(StorageError) -> RecoveredLog {
    if state == nil {
      opener.logger.warning(
        "state file missing or damaged: the whole log is checked", metadata: .keys([.partition: "\(id)"]))
    }
    var findings = try check()
    var fault: StorageError?
    var tail: Damage?
    if let damage = findings.damage {
      let search = try search(after: damage, findings.end.offset)
      findings.provenEnd = max(findings.provenEnd, search.provenEnd)
      if findings.provenEnd > findings.end.offset {
        fault = loss(findings, damage)
      } else if search.isBrokenOff {
        fault = doubt(findings, damage)
      } else {
        tail = damage
      }
    } else if findings.provenEnd > findings.end.offset {
      fault = loss(findings, nil)
    }
    if let state, state.logStartOffset < bases[0].rawValue, fault == nil {
      fault = StorageError(
        .dataLoss, "partition \(id) is damaged: offsets \(state.logStartOffset) to \(bases[0]) (exclusive) are missing")
    }
    try rewrite(findings.checked)
    do throws(StorageError) {
      if let tail { findings.figures.bytesCut = try cut(tail, findings.end.offset) }
      if fault == nil { try cutUnused(findings.checked) }
      return try finish(findings, fault)
    } catch {
      guard error.isOutOfSpace else { throw error }
      return readOnly(findings, fault ?? noSpace(error))
    }
  }

  // MARK: - Check

  /// Where checking begins: everything before it was on disk, and checked before that.
  private struct Start {
    /// Index into `bases`.
    var segment: Int
    var position: Int
    var offset: Offset
  }

  /// A segment that was this short at the checkpoint is checked from its beginning: it costs next to nothing.
  static let alwaysCheckedBytes = 256 << 10

  /// The checkpoint's place, where the state file tells it and the segment is that long; else the beginning of the
  /// segment that holds the checkpoint.
  private func start() throws(StorageError) -> Start {
    if let state, let index = bases.firstIndex(of: Offset(state.durableEndSegment)), bases[index] < checkpoint,
      index + 1 == bases.count || bases[index + 1] >= checkpoint
    {
      let position = Int(state.durableEndPosition)
      guard position > Self.alwaysCheckedBytes, try opener.byteCount(of: bases[index]) >= position else {
        return Start(segment: index, position: 0, offset: bases[index])
      }
      return Start(segment: index, position: position, offset: checkpoint)
    }
    let index = bases.lastIndex { $0 <= checkpoint } ?? 0
    return Start(segment: index, position: 0, offset: bases[index])
  }

  private func check() throws(StorageError) -> Findings {
    let start = try start()
    let findings = try check(from: start)
    // A place that is no batch boundary may be the state file's mistake: the segment is looked at from its beginning.
    guard start.position > 0, let damage = findings.damage, findings.checked.first?.scanned == 0,
      damage.position == (damage.segment == start.segment ? start.position : 0)
    else { return findings }
    return try check(from: Start(segment: start.segment, position: 0, offset: bases[start.segment]))
  }

  private func check(from start: Start) throws(StorageError) -> Findings {
    var findings = Findings(
      end: LogPosition(offset: start.offset, segment: bases[start.segment], position: start.position),
      provenEnd: max(checkpoint, opener.knownEnd(state)), lastAppendTimestampMs: state?.lastAppendTimestampMs ?? 0)
    for base in bases[..<start.segment] { findings.segments.append(try opener.sealedSegment(base)) }
    for index in start.segment..<bases.count where findings.damage == nil {
      if index == start.segment {
        try checkSegment(index, from: start.position, &findings)
      } else if bases[index] == findings.end.offset {
        try checkSegment(index, from: 0, &findings)
      } else {
        findings.damage = Damage(
          segment: index, position: 0, reason: "the segment begins at \(bases[index]), not at \(findings.end.offset)")
      }
    }
    for part in findings.checked.dropLast() { part.segment.seal(byteCount: part.to) }
    return findings
  }

  private func checkSegment(_ index: Int, from start: Int, _ findings: inout Findings) throws(StorageError) {
    let base = bases[index]
    let byteCount = try opener.byteCount(of: base)
    let segment = LogSegment(baseOffset: base, path: opener.path(of: base), byteCount: start, files: opener.files)
    var scanner = BatchScanner(
      file: try segment.openFile(), from: start, byteCount: byteCount, windowBytes: 1 << 20)
    findings.segments.append(segment)
    let durable = base.rawValue == state?.durableEndSegment ? Int(state?.durableEndPosition ?? 0) : 0
    findings.checked.append(Checked(segment: segment, from: max(start, durable), to: start))
    findings.end = LogPosition(offset: findings.end.offset, segment: base, position: start)
    do throws(BatchScanner.Fault) {
      while scanner.position < byteCount {
        let batch = try scanner.header(at: scanner.position)
        try checkBatch(batch, expected: findings.end.offset, &scanner)
        scanner.skip(batch)
        segment.noteAppend(of: batch.header, at: batch.position)
        note(batch, &findings)
      }
    } catch {
      switch error {
      case .unreadable(let cause): throw StorageError(cause, while: "recovering partition \(id)")
      case .notABatch(let reason):
        if try isUnused(from: findings.end.position, &scanner) {
          findings.checked[findings.checked.count - 1].hasRoom = true
        } else {
          findings.damage = Damage(segment: index, position: findings.end.position, reason: reason)
        }
      }
    }
    findings.checked[findings.checked.count - 1].to = findings.end.position
    findings.checked[findings.checked.count - 1].scanned = findings.end.position - start
    findings.figures.bytesChecked += scanner.position - start
  }

  private func isUnused(from position: Int, _ scanner: inout BatchScanner) throws(StorageError) -> Bool {
    do throws(BatchScanner.Fault) { return try scanner.isUnused(from: position) } catch {
      switch error {
      case .unreadable(let cause): throw StorageError(cause, while: "recovering partition \(id)")
      case .notABatch: return false
      }
    }
  }

  private func checkBatch(
    _ batch: BatchScanner.Batch, expected: Offset, _ scanner: inout BatchScanner
  ) throws(BatchScanner.Fault) {
    guard batch.header.baseOffset == expected else {
      throw .notABatch("a batch at offset \(batch.header.baseOffset) stands where \(expected) belongs")
    }
    guard try scanner.recordsChecksum(of: batch) == batch.header.recordsCRC32C else {
      throw .notABatch("the records do not match their checksum")
    }
  }

  private func note(_ batch: BatchScanner.Batch, _ findings: inout Findings) {
    findings.end.offset = batch.header.nextOffset ?? findings.end.offset
    findings.end.position = batch.end
    findings.provenEnd = max(findings.provenEnd, min(batch.header.durableEnd, batch.header.baseOffset))
    findings.lastAppendTimestampMs = max(findings.lastAppendTimestampMs, batch.header.appendTimestampMs)
    findings.lastEpoch = max(findings.lastEpoch, batch.header.partitionEpoch)
  }

  // MARK: - What lies past the damage

  /// What valid batches past the damage tell of. No further than the first segment whose search is broken off: that
  /// settles that nothing may be cut.
  private func search(after damage: Damage, _ expected: Offset) throws(StorageError) -> BatchSearch.Result {
    var result = BatchSearch.Result(provenEnd: .zero)
    var start = damage.position
    for base in bases[damage.segment...] where !result.isBrokenOff {
      let byteCount = try opener.byteCount(of: base)
      let file: any File
      do throws(FileSystemError) {
        file = try opener.files.open(opener.path(of: base), .read)
      } catch {
        throw StorageError(error, while: "recovering partition \(id)")
      }
      var search = BatchSearch(
        scanner: BatchScanner(file: file, byteCount: byteCount, windowBytes: 1 << 20), byteCount: byteCount,
        expected: expected)
      let found = try search.search(from: start)
      result.provenEnd = max(result.provenEnd, found.provenEnd)
      result.isBrokenOff = found.isBrokenOff
      start = 0
    }
    return result
  }

  private func loss(_ findings: Findings, _ damage: Damage?) -> StorageError {
    opener.dataLoss(
      "partition \(id) is damaged: offsets \(findings.end.offset) to \(findings.provenEnd) (exclusive) were on disk"
        + " and are not readable (\(damage.map(place) ?? "the log ends there")); nothing was cut, what lies below can be"
        + " read")
  }

  /// What follows the damage was not searched to its end: it is taken for what was on disk, and not cut.
  private func doubt(_ findings: Findings, _ damage: Damage) -> StorageError {
    opener.dataLoss(
      "partition \(id) is damaged from offset \(findings.end.offset) on (\(place(damage))); what follows holds so much"
        + " that looks like batches and is none that it could not be told from lost data; nothing was cut, what lies"
        + " below can be read")
  }

  private func place(_ damage: Damage) -> String {
    "\(opener.path(of: bases[damage.segment])) at position \(damage.position): \(damage.reason)"
  }

  // MARK: - Cut

  /// Keeps aside and removes everything from the damage on, durably. Returns how many bytes.
  private func cut(_ damage: Damage, _ end: Offset) throws(StorageError) -> Int {
    let tail = TornTail(fileSystem: opener.fileSystem, directory: opener.directory)
    do throws(FileSystemError) {
      var later = 0
      for index in bases.indices.reversed() where index > damage.segment {
        later += try tail.setAside(LogSegment.fileName(bases[index]))
      }
      for base in bases[damage.segment...] {
        let indexes = SegmentIndexFile(fileSystem: opener.fileSystem, baseOffset: base, logPath: opener.path(of: base))
        try indexes.remove()
      }
      let name = LogSegment.fileName(bases[damage.segment])
      let byteCount: Int
      // A segment that begins at the wrong offset holds nothing of this log.
      if bases[damage.segment] == end || damage.position > 0 {
        byteCount = try tail.cut(name, at: damage.position)
      } else {
        byteCount = try tail.setAside(name)
      }
      opener.logger.warning(
        "torn tail cut off and kept aside",
        metadata: .keys([
          .partition: "\(id)", .file: name, .position: "\(damage.position)", .bytes: "\(byteCount)",
          .offset: "\(end)", .reason: damage.reason,
        ]))
      return byteCount + later
    } catch {
      throw StorageError(error, while: "recovering partition \(id)")
    }
  }

  /// Cuts off room that was not used, so that files end where their batches end.
  private func cutUnused(_ checked: [Checked]) throws(StorageError) {
    do throws(FileSystemError) {
      for part in checked where part.hasRoom { try part.segment.cutUnused(after: part.to) }
    } catch {
      throw StorageError(error, while: "recovering partition \(id)")
    }
  }

  /// Writes what was accepted in place once more and brings it to disk. The directory follows with the state file.
  private func rewrite(_ checked: [Checked]) throws(StorageError) {
    do throws(FileSystemError) {
      for part in checked where part.from < part.to {
        let file = try part.segment.file()
        var position = part.from
        while position < part.to {
          let bytes = try file.read(min(Self.rewriteBytes, part.to - position), at: position)
          if let error = file.write([bytes], at: position).error { throw error }
          guard bytes.readableBytes > 0 else { break }
          position += bytes.readableBytes
        }
        try file.sync()
      }
    } catch {
      throw StorageError(error, while: "recovering partition \(id)")
    }
  }

  private static let rewriteBytes = 1 << 20

  // MARK: - Finish

  /// How many epochs are remembered.
  private static let maxEpochs = 64

  private func finish(_ findings: Findings, _ fault: StorageError?) throws(StorageError) -> RecoveredLog {
    let logStart = Offset(max(state?.logStartOffset ?? 0, bases[0].rawValue))
    let lastEpoch = max(state?.partitionEpoch ?? 0, findings.lastEpoch)
    let (epoch, overflow) = lastEpoch.addingReportingOverflow(1)
    guard !overflow else { throw StorageError(.failed, "partition \(id): epochs are used up") }
    // Damage is found again by looking again: the checkpoint must not move past it, nor the log's start.
    let place = fault == nil ? findings.end : nil
    let producers = fault == nil ? try replayProducers(findings) : ProducerState()
    let next = PartitionState(
      topicID: id.topic.bytes, partition: id.index,
      logStartOffset: fault == nil ? logStart.rawValue : state?.logStartOffset ?? logStart.rawValue,
      durableEndOffset: place?.offset.rawValue ?? checkpoint.rawValue, partitionEpoch: epoch,
      // A clean stop's word is good for one start: it is kept for the next ones.
      cleanEndOffset: fault == nil || opener.knownEnd(state) == .zero ? nil : opener.knownEnd(state).rawValue,
      durableEndSegment: place?.segment.rawValue ?? state?.durableEndSegment ?? 0,
      durableEndPosition: place.map { UInt32(clamping: $0.position) } ?? state?.durableEndPosition ?? 0,
      lastAppendTimestampMs: findings.lastAppendTimestampMs,
      epochs: epochs(epoch, findings.end.offset, fault),
      compactedEndOffset: min(state?.compactedEndOffset ?? 0, findings.end.offset.rawValue),
      compactions: state?.compactions ?? [],
      producersEndOffset: fault != nil ? -1 : producers.isEmpty ? 0 : findings.end.offset.rawValue)
    try StateFile.write(next, directory: opener.directory, fileSystem: opener.fileSystem)
    return RecoveredLog(
      segments: findings.segments, producers: producers, logStart: logStart, logEnd: findings.end,
      durableEnd: findings.end,
      partitionEpoch: epoch, epochs: next.epochs,
      lastAppendTimestampMs: findings.lastAppendTimestampMs, fault: fault,
      recovery: findings.figures, state: next)
  }

  private func noSpace(_ cause: StorageError) -> StorageError {
    let fault = StorageError(
      .failed, "partition \(id) is read-only until the broker is started again with space on its disk: \(cause)")
    opener.logger.error("recovery without space", metadata: .keys([.partition: "\(id)", .reason: fault.message]))
    return fault
  }

  /// What was accepted is on disk and can be read. That it is, and all that follows from an unclean stop, could not be
  /// written: the next start finds everything as this one did.
  private func readOnly(_ findings: Findings, _ fault: StorageError) -> RecoveredLog {
    RecoveredLog(
      segments: findings.segments, logStart: Offset(max(state?.logStartOffset ?? 0, bases[0].rawValue)),
      logEnd: findings.end, durableEnd: findings.end,
      partitionEpoch: max(state?.partitionEpoch ?? 0, findings.lastEpoch),
      epochs: state?.epochs ?? [], lastAppendTimestampMs: findings.lastAppendTimestampMs, fault: fault,
      recovery: findings.figures, state: state)
  }

  /// Where the epochs began. What is damaged has not fallen back: it may be put right.
  private func epochs(_ epoch: UInt32, _ end: Offset, _ fault: StorageError?) -> [EpochStart] {
    let earlier = state?.epochs ?? []
    guard fault == nil else { return earlier }
    return Array(earlier.suffix(Self.maxEpochs - 1)) + [EpochStart(epoch: epoch, startOffset: end.rawValue)]
  }

  /// What is remembered of producers at the log's end, kept there durably.
  private func replayProducers(_ findings: Findings) throws(StorageError) -> ProducerState {
    let producers = try ProducerReplay(
      opener: opener, state: state, segments: findings.segments, end: findings.end
    ).replay()
    if !producers.isEmpty { try opener.producerFile.write(producers, at: findings.end.offset) }
    return producers
  }
}
