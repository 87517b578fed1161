internal import NIOCore
internal import TailraceWire

extension LogState {
  /// What an append needs of its partition's surroundings.
  struct AppendContext {
    var directory: String
    var files: OpenFiles
    var admitted: AdmittedProducers
    var reserve: DiskReserve
    var nowMs: Int64
  }

  /// Batches that lie one after the other in one segment and are written with one call.
  private struct Run {
    struct Entry {
      /// Its place among the requests.
      var index: Int
      var header: RecordBatchHeader
      /// Where the batch begins in the segment.
      var position: Int
      var next: Offset

      var end: Int { position + header.batchByteCount }

      /// Whether the records are written out of the headers' buffer: where they are few, to copy them takes less than
      /// a piece of their own in the write. A batch of them fits what is kept of that buffer.
      var isCopied: Bool { header.recordsLength <= 768 }
      /// What it takes of the headers' buffer.
      var gatheredByteCount: Int { isCopied ? header.batchByteCount : RecordBatchHeader.byteCount }
    }

    let requests: [AppendRequest]
    var entries: [Entry] = []
    var byteCount = 0
    /// What would be remembered of producers once it is written.
    var producers = PendingProducers()

    init(requests: [AppendRequest]) { self.requests = requests }

    mutating func clear() {
      entries.removeAll(keepingCapacity: true)
      byteCount = 0
      producers = PendingProducers()
    }
  }

  /// Appends the batches in order: checks, offsets, and one gathered write for all that go into one segment.
  mutating func append(_ requests: [AppendRequest], _ context: AppendContext) -> LogEffects {
    var effects = LogEffects()
    let (troubleBefore, faultBefore) = (appendTrouble, fault)
    lastAppendTimestampMs = max(lastAppendTimestampMs, context.nowMs)
    var run = Run(requests: requests)
    run.entries.reserveCapacity(requests.count)
    effects.resolutions.reserveCapacity(requests.count)
    for index in requests.indices {
      if let refusal = add(index, to: &run, context, &effects) {
        effects.resolve(requests[index].completion, .refused(refusal))
      }
    }
    write(&run, &effects)
    advanceHighWatermark(&effects)
    // No flush follows a failed write that could not be undone: what was accepted before it is not known to be on disk.
    if let fault { releaseWaiters(fault, &effects) }
    noteTrouble(since: troubleBefore, wasFaulty: faultBefore != nil, &effects)
    wantFlush(nowMs: context.nowMs, &effects)
    return effects
  }

  /// Adds a batch to what is to be written, or answers it where it is stored already. Returns why it is refused.
  private mutating func add(
    _ index: Int, to run: inout Run, _ context: AppendContext, _ effects: inout LogEffects
  ) -> StorageError? {
    let header = run.requests[index].batch.header
    let hasKeys = run.requests[index].batch.everyRecordHasKey
    if let refusal = refusal(of: header, hasKeys: hasKeys) ?? context.admitted.refusal(of: header) { return refusal }
    switch verdict(on: header, &run, &effects) {
    case .next: break
    case .refused(let error): return error
    case .duplicate(let batch, let next):
      let request = run.requests[index]
      answer(request.completion, request.durability, .duplicate(batch), end: next, &effects)
      return nil
    }
    if !config.mayUseReserve, let full = context.reserve.take(header.batchByteCount) {
      appendTrouble = full
      return full
    }
    if mustRoll(before: header, after: run) {
      write(&run, &effects)
      // The write may have made the partition read-only; and where it failed there may be nothing to roll.
      if let error = refusal ?? (logEnd.position > 0 ? roll(context) : nil) { return error }
    }
    return plan(index, header, &run) ? nil : StorageError(.failed, "offsets are used up")
  }

  /// Has it said when appends begin to fail, and when they work again; not that they still do.
  private mutating func noteTrouble(since before: StorageError?, wasFaulty: Bool, _ effects: inout LogEffects) {
    if let fault, !wasFaulty { appendTrouble = fault }
    switch (before, appendTrouble) {
    case (_, let trouble?) where before == nil || (fault != nil && !wasFaulty):
      effects.appendChange = .failing(trouble)
    case (.some, nil): effects.appendChange = .working
    default: break
    }
  }

  /// Why a batch cannot be appended; nil where it can.
  private func refusal(of batch: RecordBatchHeader, hasKeys: Bool) -> StorageError? {
    if let refusal { return refusal }
    let maxBatchBytes = min(config.maxBatchBytes, LogConfig.maxBatchBytesCeiling)
    guard batch.batchByteCount <= maxBatchBytes else {
      return StorageError(
        .batchTooLarge, "a batch of \(batch.batchByteCount) bytes (header included); the bound is \(maxBatchBytes)")
    }
    if config.requiresKeys, !hasKeys {
      return StorageError(.missingKey, "a record without a key; this topic takes none")
    }
    return nil
  }

  /// What a batch is, as far as its producer goes.
  private mutating func verdict(
    on header: RecordBatchHeader, _ run: inout Run, _ effects: inout LogEffects
  ) -> ProducerState.Verdict {
    let verdict = run.producers.check(header, after: producers)
    guard case .duplicate(_, let next) = verdict, next > logEnd.offset else { return verdict }
    // Its first appearance is in this run: whether that was written has to be known first.
    write(&run, &effects)
    if let refusal { return .refused(refusal) }
    return run.producers.check(header, after: producers)
  }

  /// Answers once the log is as durable as the request wants it up to `end`.
  private mutating func answer(
    _ completion: @escaping @Sendable (AppendOutcome) -> Void, _ durability: AppendDurability, _ outcome: AppendOutcome,
    end: Offset, _ effects: inout LogEffects
  ) {
    switch durability {
    case .durable where end > durableEnd.offset:
      durableWaiters.append(DurableWaiter(end: end, completion: completion, outcome: outcome))
    case .durable, .written: effects.resolve(completion, outcome)
    }
  }

  var segmentBytes: Int { min(max(config.segmentBytes, 1), Int(Int32.max)) }

  private func mustRoll(before header: RecordBatchHeader, after run: Run) -> Bool {
    let position = logEnd.position + run.byteCount
    guard position > 0 else { return false }
    let next = run.entries.last?.next ?? logEnd.offset
    let span = next.rawValue - logEnd.segment.rawValue + Int64(header.lastOffsetDelta)
    return header.batchByteCount > segmentBytes - position || span > Int64(Int32.max)
  }

  /// Gives the batch its offsets and the broker's fields. False where no offsets are left.
  private func plan(_ index: Int, _ header: consuming RecordBatchHeader, _ run: inout Run) -> Bool {
    header.baseOffset = run.entries.last?.next ?? logEnd.offset
    header.partitionEpoch = partitionEpoch
    header.appendTimestampMs = lastAppendTimestampMs
    header.attributes = header.attributes.withAppendTimestamps(config.hasAppendTimestamps)
    header.durableEnd = durableEnd.offset
    guard let next = header.nextOffset else { return false }
    let position = logEnd.position + run.byteCount
    run.producers.note(header, after: producers)
    run.entries.append(Run.Entry(index: index, header: header, position: position, next: next))
    run.byteCount += header.batchByteCount
    return true
  }

  /// Writes a run to the active segment and takes in what is there afterwards. Leaves `run` empty.
  private mutating func write(_ run: inout Run, _ effects: inout LogEffects) {
    guard !run.entries.isEmpty else { return }
    let start = logEnd.position
    let written: Int
    var failure: StorageError?
    do throws(FileSystemError) {
      let file = try activeSegment.pinnedFile()
      let outcome = file.write(buffers(of: run), at: start)
      written = outcome.byteCount
      if let error = outcome.error {
        failure = StorageError(error, while: "appending")
        cutBack(file, to: run.entries.last { $0.end <= start + written }?.end ?? start)
      }
    } catch {
      written = 0
      failure = StorageError(error, while: "appending")
    }
    appendTrouble = failure
    for entry in run.entries {
      if entry.end <= start + written {
        let batch = accept(entry)
        answer(
          run.requests[entry.index].completion, run.requests[entry.index].durability, .appended(batch), end: entry.next,
          &effects)
      } else {
        effects.resolve(
          run.requests[entry.index].completion, .refused(failure ?? StorageError(.failed, "the write was cut short")))
      }
    }
    run.clear()
    if headerBytes.capacity > Self.keptHeaderBytes { headerBytes = ByteBuffer() }
    if unsynced.isEmpty, !isFlushRunning { activeSegment.unpinFile() }
  }

  /// What a partition keeps of the buffer for headers and small records, at most: there may be very many partitions.
  private static let keptHeaderBytes = 1 << 10

  /// Headers are built together in one buffer, with the records of small batches; others go from where they are.
  private mutating func buffers(of run: Run) -> [ByteBuffer] {
    headerBytes.clear()
    headerBytes.reserveCapacity(run.entries.reduce(0) { $0 + $1.gatheredByteCount })
    for entry in run.entries {
      entry.header.write(to: &headerBytes)
      guard entry.isCopied else { continue }
      run.requests[entry.index].batch.records.withUnsafeReadableBytes { _ = headerBytes.writeBytes($0) }
    }
    var buffers: [ByteBuffer] = []
    buffers.reserveCapacity(run.entries.reduce(1) { $0 + ($1.isCopied ? 0 : 2) })
    var gathered = 0
    for entry in run.entries {
      gathered += entry.gatheredByteCount
      if entry.isCopied { continue }
      if let headers = headerBytes.readSlice(length: gathered) { buffers.append(headers) }
      buffers.append(run.requests[entry.index].batch.records)
      gathered = 0
    }
    if gathered > 0, let rest = headerBytes.readSlice(length: gathered) { buffers.append(rest) }
    return buffers
  }

  /// Removes what a failed write left behind the last whole batch. A torn batch is never taken for a whole one, but
  /// where it cannot be removed the disk is not to be trusted: read-only.
  private mutating func cutBack(_ file: any File, to byteCount: Int) {
    preallocation.end = 0
    do throws(FileSystemError) {
      try file.truncate(to: byteCount)
    } catch {
      fault = StorageError(.failed, "read-only until restarted: a failed write could not be undone: \(error)")
    }
  }

  private mutating func accept(_ entry: Run.Entry) -> AppendedBatch {
    activeSegment.noteAppend(of: entry.header, at: entry.position)
    tail.note(entry.header.baseOffset, at: entry.position, in: activeSegment.baseOffset)
    logEnd.offset = entry.next
    logEnd.position = entry.end
    if unsynced.last !== activeSegment { unsynced.append(activeSegment) }
    producers.note(entry.header)
    return AppendedBatch(baseOffset: entry.header.baseOffset, appendTimestampMs: entry.header.appendTimestampMs)
  }

  /// Begins a new segment at the log's end. Its directory entry is brought to disk by the next flush, before anything
  /// in it counts as durable. The error where it could not be made; the log is as it was then.
  mutating func roll(_ context: AppendContext) -> StorageError? {
    let path = "\(context.directory)/\(LogSegment.fileName(logEnd.offset))"
    do throws(FileSystemError) {
      let file = try context.files.open(path, .createNew)
      activeSegment.seal(byteCount: logEnd.position)
      finished.append(activeSegment)
      segments.append(
        LogSegment(
          baseOffset: logEnd.offset, path: path, byteCount: 0, pinning: file, files: context.files))
    } catch {
      let failure = StorageError(error, while: "beginning a segment")
      appendTrouble = failure
      return failure
    }
    logEnd.segment = logEnd.offset
    logEnd.position = 0
    // A finished segment may be compacted, and then its batches stand elsewhere.
    tail = TailPlaces()
    isDirectoryUnsynced = true
    preallocation = Preallocation(maxBytes: preallocation.maxBytes)
    return nil
  }
}
