internal import TailraceWire

/// Says of each record whether it stays, and counts.
struct CompactionJudge {
  /// The keys of the part that was not gone over before; nil where there is none.
  let keys: KeyMap?
  let secret: KeyHash.Secret
  /// The end of what the pass goes over, exclusive.
  let end: Offset
  /// Tombstones below go.
  let tombstoneEnd: Offset

  private(set) var recordsDropped = 0
  private(set) var tombstonesDropped = 0
  /// Whether a tombstone below `end` stays.
  private(set) var keepsTombstones = false

  init(keys: KeyMap?, secret: KeyHash.Secret, end: Offset, tombstoneEnd: Offset) {
    self.keys = keys
    self.secret = secret
    self.end = end
    self.tombstoneEnd = tombstoneEnd
  }

  /// Whether no tombstone may go any more: a value that one of them hides has stayed.
  private var mayDropTombstones = true

  /// A batch stayed as it was, with records that were to go: whatever hides them stays, too.
  mutating func keepTombstones() {
    mayDropTombstones = false
    keepsTombstones = true
  }

  /// Whether a batch may hold something to take out.
  func concerns(_ header: RecordBatchHeader) -> Bool {
    header.recordCount > 0 && header.baseOffset < (keys == nil ? tombstoneEnd : max(end, tombstoneEnd))
  }

  /// A record goes where its key has a later one, or where it is a tombstone that was shown for long enough. One without
  /// a key is from before the topic was compacted, and stays.
  mutating func keeps(_ record: RecordGlance) -> Bool {
    guard let key = record.key else { return true }
    if let latest = keys?.latestOffset(of: KeyHash(key, secret)), latest > record.offset {
      recordsDropped += 1
      return false
    }
    guard record.isTombstone else { return true }
    if record.offset < tombstoneEnd, mayDropTombstones {
      recordsDropped += 1
      tombstonesDropped += 1
      return false
    }
    if record.offset < max(end, tombstoneEnd) { keepsTombstones = true }
    return true
  }
}
