internal import NIOCore
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// From this size on a range is sent from the file, below it is copied: measured, see FileRegion against one buffer.
  static let minFileChunkBytes = 32 << 10

  /// Reads one target. `mayExceed`: whether the first batch may be larger than `maxBytes`. `mayBlock`: whether an index
  /// may be built now; nil is returned where one must be, and may not.
  func read(
    _ target: ReadTarget, maxBytes: Int, mayExceed: Bool, form: ReadForm, mayBlock: Bool
  ) -> ReadOutcome? {
    switch state.withLock({ $0.planRead(at: target.offset, lastEpoch: target.lastEpoch) }) {
    case .failed(let error, let bounds):
      return .failed(error, bounds: bounds)
    case .empty(let bounds):
      return .read(ReadResult(chunks: [], byteCount: 0, bounds: bounds))
    case .plan(let plan):
      guard maxBytes > 0 || mayExceed else {
        return .read(ReadResult(chunks: [], byteCount: 0, bounds: plan.bounds, hasMore: true))
      }
      do throws(StorageError) {
        return try read(plan, maxBytes: maxBytes, mayExceed: mayExceed, form: form, mayBlock: mayBlock)
      } catch {
        // Compaction has put another segment in this one's place: the new one answers.
        if plan.segment.isRetired {
          return read(target, maxBytes: maxBytes, mayExceed: mayExceed, form: form, mayBlock: mayBlock)
        }
        return .failed(error, bounds: plan.bounds)
      }
    }
  }

  private func read(
    _ plan: ReadPlan, maxBytes: Int, mayExceed: Bool, form: ReadForm, mayBlock: Bool
  ) throws(StorageError) -> ReadOutcome? {
    guard let found = try find(plan, maxBytes: maxBytes, mayExceed: mayExceed, mayBlock: mayBlock) else { return nil }
    let chunks = found.range.isEmpty ? [] : [try chunk(found.range, of: found.file, form: form)]
    return .read(
      ReadResult(chunks: chunks, byteCount: found.range.count, bounds: plan.bounds, hasMore: found.hasMore))
  }

  /// Where the batches are that answer a read.
  private struct Found {
    let range: Range<Int>
    let file: any File
    /// See `ReadResult`.
    let hasMore: Bool
  }

  private func find(
    _ plan: ReadPlan, maxBytes: Int, mayExceed: Bool, mayBlock: Bool
  ) throws(StorageError) -> Found? {
    var known = plan.place
    if known == nil { known = try floor(plan, mayBlock: mayBlock) }
    guard let floor = known else { return nil }
    let damage = plan.segment.damage
    let file = try plan.segment.openFile()
    let limit: Int
    do throws(FileSystemError) {
      if let known = plan.limit { limit = known } else { limit = try plan.segment.usedByteCount(of: file) }
    } catch {
      throw StorageError(error, while: "reading")
    }
    // Batches that were appended after the damaged ones have boundaries of their own.
    let end = damage.flatMap { floor.position < $0.position && $0.position < limit ? $0 : nil }
    let range = try BatchRange(segment: plan.segment, file: file, limit: end?.position ?? limit, damage: end?.error)
      .find(plan.offset, from: floor, maxBytes: maxBytes, mayExceed: mayExceed)
    // Of a segment that the high watermark is not in, the next one has more.
    return Found(range: range, file: file, hasMore: plan.limit == nil || range.isEmpty || range.upperBound < limit)
  }

  /// See `LogStore.readAtOnce`.
  func readAtOnce(_ target: ReadTarget, maxBytes: Int, into buffer: inout ByteBuffer) -> ReadResult? {
    switch state.withLock({ $0.planRead(at: target.offset, lastEpoch: target.lastEpoch) }) {
    case .failed: return nil
    case .empty(let bounds): return ReadResult(chunks: [], byteCount: 0, bounds: bounds)
    case .plan(let plan):
      guard let found = try? find(plan, maxBytes: maxBytes, mayExceed: true, mayBlock: false) else { return nil }
      var chunks: [Chunk] = []
      if found.range.count >= Self.minFileChunkBytes {
        chunks.append(found.file.chunk(found.range))
      } else {
        let before = buffer.readableBytes
        guard (try? found.file.read(found.range.count, at: found.range.lowerBound, into: &buffer)) != nil,
          buffer.readableBytes == before + found.range.count
        else { return nil }
      }
      return ReadResult(
        chunks: chunks, byteCount: found.range.count, bounds: plan.bounds, hasMore: found.hasMore)
    }
  }

  /// A batch boundary at or before the offset; nil where an index must be loaded or built, and `mayBlock` is false.
  private func floor(_ plan: ReadPlan, mayBlock: Bool) throws(StorageError) -> IndexedPlace? {
    while true {
      if let floor = plan.segment.floor(of: plan.offset) { return floor }
      guard plan.segment.unindexedByteCount > 0 else {
        throw plan.segment.damage?.error
          ?? StorageError(.dataLoss, "offset \(plan.offset) is in no batch of \(plan.segment.path)")
      }
      guard mayBlock else { return nil }
      try plan.segment.buildIndex()
    }
  }

  private func chunk(_ range: Range<Int>, of file: any File, form: ReadForm) throws(StorageError) -> Chunk {
    if form == .chunks, range.count >= Self.minFileChunkBytes { return file.chunk(range) }
    return .bytes(try bytes(range.count, at: range.lowerBound, of: file))
  }
}
