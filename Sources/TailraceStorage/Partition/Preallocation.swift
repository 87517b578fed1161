internal import NIOCore
internal import Synchronization
internal import TailraceWire

/// Zeros that are on disk behind the last batch of the active segment, for the batches to come: an fsync of bytes that
/// replace others has no file length and no blocks to bring to disk, which is most of what an fsync of a few KiB costs.
/// Where much is flushed at a time it is not worth writing everything twice.
///
/// There is room for some flushes ahead, from a quarter of `maxBytes` to all of it, and never more than half of what the
/// segment holds, so that a partition that gets little takes little. It is cut off when the segment is finished, at a
/// clean stop and at the next start; a batch never begins with a zero.
struct Preallocation {
  /// The most that is made ready at once, bytes; 0: nothing is.
  let maxBytes: Int
  /// Where the zeros end; 0 where there are none.
  var end = 0
  /// Where they are to end next; nil: no more are wanted for now.
  var target: Int?
  /// Flushes since the segment was begun, or opened.
  private var flushCount = 0
  /// What a flush brings to disk, on average, the latest counting most; bytes.
  private var meanFlushBytes = 0
  private var flushedPosition: Int

  /// A segment that was flushed less often may never be again.
  private static let minFlushCount = 4
  /// Larger flushes are as fast without.
  private static let maxFlushBytes = 16 << 10
  /// More room would hold up the next flush for longer, less would do so more often.
  private static let flushesAhead = 64
  /// Zeros are written in such pieces, each under the partition's lock: appends wait no longer than for one.
  static let pieceBytes = 64 << 10

  /// Of a segment that is filled, and on disk, up to `position`.
  init(maxBytes: Int = 0, position: Int = 0) {
    self.maxBytes = maxBytes
    flushedPosition = position
  }

  /// Notes a flush up to `flushed` of a segment that is filled up to `position` and holds at most `segmentBytes`.
  mutating func noteFlush(upTo flushed: Int, position: Int, segmentBytes: Int) {
    flushCount += 1
    meanFlushBytes = (3 * meanFlushBytes + max(0, flushed - flushedPosition)) / 4
    flushedPosition = flushed
    let least = maxBytes / 4
    let room = min(position / 2, max(least, min(maxBytes, Self.flushesAhead * meanFlushBytes)))
    guard maxBytes > 0, flushCount >= Self.minFlushCount, meanFlushBytes <= Self.maxFlushBytes, room >= least,
      end - position < room / 2
    else { return }
    let next = min(position + room, segmentBytes)
    if next > max(end, position) { target = next }
  }
}

extension LogState {
  /// After `job` was carried out: whether there should be room for more. Where nobody waits for the disk, it is of no
  /// use.
  mutating func notePreallocation(after job: FlushJob) {
    guard config.durability == .durable, refusal == nil, job.target.segment == logEnd.segment else { return }
    preallocation.noteFlush(
      upTo: job.target.position, position: logEnd.position, segmentBytes: segmentBytes)
  }

  /// Writes the next piece to `file`, that of `segment`. Returns how many bytes it is, and whether there is another.
  mutating func preallocatePiece(of segment: LogSegment, _ file: any File) -> (byteCount: Int, isLast: Bool) {
    guard let target = preallocation.target, refusal == nil, activeSegment === segment else { return (0, true) }
    let start = max(preallocation.end, logEnd.position)
    guard start < target else { return (0, true) }
    let outcome = file.write([Self.zeros(min(Preallocation.pieceBytes, target - start))], at: start)
    if outcome.byteCount > 0 { preallocation.end = start + outcome.byteCount }
    return (outcome.byteCount, outcome.error != nil)
  }

  private static func zeros(_ count: Int) -> ByteBuffer {
    zeros.getSlice(at: 0, length: count) ?? ByteBuffer(repeating: 0, count: count)
  }

  private static let zeros = ByteBuffer(repeating: 0, count: Preallocation.pieceBytes)
}

extension PartitionLog {
  /// Makes room for batches to come where that is wanted, and brings it to disk. Blocks; to be called after what a flush
  /// left to do was carried out, so that no ack waits for it, only the next flush. The effects are the caller's to carry
  /// out.
  ///
  /// A failed write costs nothing but the room. A failed fsync is final, as any: it may be that of a batch, and no other
  /// fsync of the file would tell of it. So no other is under way meanwhile.
  func preallocate() -> LogEffects {
    guard state.withLock({ $0.preallocation.target != nil }) else { return LogEffects() }
    return flushing.withLock { _ in
      let (segment, wanted) = state.withLock { state in
        let start = max(state.preallocation.end, state.logEnd.position)
        return (state.activeSegment, (state.preallocation.target ?? start) - start)
      }
      defer { state.withLock { if $0.activeSegment === segment { $0.preallocation.target = nil } } }
      guard wanted > 0, reserve.refusal(ofFileOf: wanted) == nil else { return LogEffects() }
      do throws(FileSystemError) {
        if try writePieces(of: segment) > 0 { try segment.file().sync() }
        return LogEffects()
      } catch {
        guard ending?.kind != .unknownPartition, !segment.isRetired, !error.isFailedOpenForResources else {
          return LogEffects()
        }
        return failFlush(error)
      }
    }
  }

  /// Returns how many bytes were written.
  private func writePieces(of segment: LogSegment) throws(FileSystemError) -> Int {
    let file = try segment.file()
    var total = 0
    while true {
      let (byteCount, isLast) = state.withLock { $0.preallocatePiece(of: segment, file) }
      total += byteCount
      if isLast { return total }
    }
  }
}
