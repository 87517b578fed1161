internal import DequeModule
internal import NIOCore
internal import Synchronization
internal import TailraceWire

/// What is fetched and not handed out yet, by partition, and who may have it. Pure but for the lanes' atomics.
struct DeliveryState {
  /// A lease takes whole batches, until they hold so many records or bytes.
  static let leaseRecords: UInt64 = 1_000
  static let leaseBytes = 1 << 20

  fileprivate struct Entry {
    var lane: PartitionLane
    var batches: Deque<FetchedBatch> = []
    var bytes = 0
    /// Handed out in place of what was to come.
    var failure: TailraceError?
    /// What is fetched from here on must not be handed out: something before it was damaged.
    var isDamaged = false
    var isPaused = false
    var isRevoked = false
    /// Whether it is not fetched, for what it holds.
    var isFull = false
    /// Whether it waits in `ready`.
    var isQueued = false
    var epoch: UInt32?
    var highWatermark: Int64?
  }

  /// What somebody gets who asks for records.
  enum Taken: Sendable {
    case lease(PartitionLane, [FetchedBatch], highWatermark: Int64)
    case failure(TailraceError)
    case end
  }

  /// What the engine is to be told.
  enum Notice: Hashable, Sendable {
    /// Nobody is at work on the partition any more, which was revoked.
    case released(TopicPartition, ReadPosition)
    /// The partition, which was full, is so no more.
    case room(TopicPartition)
  }

  private let maxBytes: Int
  private var entries: [TopicPartition: Entry] = [:]
  /// Partitions with something to hand out, in turn.
  private var ready: Deque<TopicPartition> = []
  /// At most one at a time has a partition, whatever was assigned anew meanwhile.
  private var leased: [TopicPartition: PartitionLane] = [:]
  /// Tasks that wait for the consumer's end: nobody waits for what they are at work on.
  private var closers: Set<Int> = []
  private var end: Taken?
  /// To be told, oldest first.
  private(set) var notices: [Notice] = []

  /// `maxBytes` is shared by the partitions alike.
  init(maxBytes: Int) { self.maxBytes = max(1, maxBytes) }

  mutating func takeNotices() -> [Notice] {
    defer { notices = [] }
    return notices
  }

  private var share: Int { maxBytes / max(1, entries.count) }

  // MARK: What is there

  mutating func open(_ partition: TopicPartition, at offset: Int64, epoch: UInt32?) {
    entries[partition] = Entry(lane: PartitionLane(partition, at: offset), epoch: epoch)
  }

  /// True where the partition now holds its share.
  mutating func add(_ partition: TopicPartition, _ batches: [FetchedBatch], highWatermark: Int64) -> Bool {
    guard entries[partition]?.isRevoked == false else { return false }
    entries[partition]?.highWatermark = highWatermark
    if entries[partition]?.isDamaged == true { return true }
    for batch in batches {
      entries[partition]?.batches.append(batch)
      entries[partition]?.bytes += batch.records.readableBytes
    }
    let isFull = entries[partition].map { $0.bytes >= share && !$0.batches.isEmpty } ?? false
    entries[partition]?.isFull = isFull
    offer(partition)
    return isFull
  }

  /// What was to come next cannot be had. `lane`: only where that is the partition's still.
  mutating func fail(_ partition: TopicPartition, _ error: TailraceError, only lane: PartitionLane? = nil) {
    guard let entry = entries[partition], lane == nil || entry.lane === lane else { return }
    entries[partition]?.failure = error
    if lane != nil {
      entries[partition]?.isDamaged = true
      empty(partition)
    }
    offer(partition)
  }

  /// Hands out nothing more of them; a notice tells of each when nobody is at work on it.
  mutating func revoke(_ partitions: [TopicPartition]) {
    for partition in partitions where entries[partition]?.isRevoked == false {
      entries[partition]?.isRevoked = true
      entries[partition]?.failure = nil
      empty(partition)
      entries[partition]?.lane.isInterrupted.store(true, ordering: .releasing)
      noteReleased(partition)
    }
  }

  /// Knows them no more.
  mutating func close(_ partitions: [TopicPartition]) {
    for partition in partitions {
      entries.removeValue(forKey: partition)?.lane.isInterrupted.store(true, ordering: .releasing)
    }
  }

  /// Goes on at another offset, and forgets what it has; nil where the partition is not read.
  mutating func reset(_ partition: TopicPartition, to destination: Destination) -> Int64? {
    guard let entry = entries[partition], !entry.isRevoked else { return nil }
    let offset =
      switch destination {
      case .exactly(let offset): offset
      case .atMost(let offset): min(offset, entry.lane.delivered.load(ordering: .acquiring))
      }
    entry.lane.isInterrupted.store(true, ordering: .releasing)
    empty(partition)
    entries[partition]?.failure = nil
    entries[partition]?.isDamaged = false
    entries[partition]?.isFull = false
    entries[partition]?.epoch = nil
    entries[partition]?.lane = PartitionLane(partition, at: offset)
    return offset
  }

  private mutating func empty(_ partition: TopicPartition) {
    entries[partition]?.batches.removeAll()
    entries[partition]?.bytes = 0
  }

  /// A task, by its `taskNumber`, closes the consumer, and cannot go on with a record until that is done.
  mutating func addCloser(_ task: Int) {
    if task != 0 { closers.insert(task) }
    for partition in leased.keys where entries[partition]?.isRevoked == true { noteReleased(partition) }
  }

  /// Nothing is handed out any more: whoever asks is told `error`, or that this is the end.
  mutating func finish(_ error: TailraceError?) {
    guard end == nil else { return }
    end = error.map { .failure($0) } ?? .end
    for entry in entries.values { entry.lane.isInterrupted.store(true, ordering: .releasing) }
  }

  // MARK: Who has it

  /// What somebody may have now; nil: nothing yet.
  mutating func take() -> Taken? {
    if let end { return end }
    while let partition = ready.popFirst() {
      entries[partition]?.isQueued = false
      guard isOnOffer(partition), let entry = entries[partition] else { continue }
      if entry.batches.isEmpty, let failure = entry.failure {
        // It is not over with being told.
        offer(partition)
        return .failure(failure)
      }
      return .lease(entry.lane, takeBatches(partition), highWatermark: entry.highWatermark ?? 0)
    }
    return nil
  }

  private mutating func takeBatches(_ partition: TopicPartition) -> [FetchedBatch] {
    guard var entry = entries.removeValue(forKey: partition) else { return [] }
    var taken: [FetchedBatch] = []
    var (records, bytes): (UInt64, Int) = (0, 0)
    while records < Self.leaseRecords, bytes < Self.leaseBytes, let batch = entry.batches.popFirst() {
      records += UInt64(batch.header.recordCount)
      bytes += batch.records.readableBytes
      entry.epoch = batch.header.partitionEpoch
      taken.append(batch)
    }
    entry.bytes -= bytes
    leased[partition] = entry.lane
    // Whoever gets it says so when it runs; until then it is nobody's.
    entry.lane.holder.store(0, ordering: .releasing)
    // What was handed out to somebody who never asked for the next is not known to be done with: it comes again.
    entry.lane.delivered.store(entry.lane.processed.load(ordering: .acquiring), ordering: .releasing)
    entry.lane.isInterrupted.store(false, ordering: .releasing)
    // Not before there is room for more than a little.
    let hasRoom = entry.isFull && entry.bytes <= share / 2
    if hasRoom { entry.isFull = false }
    entries[partition] = entry
    if hasRoom { notices.append(.room(partition)) }
    return taken
  }

  /// A lease has ended. What is not done with goes back to the front.
  mutating func giveBack(_ lane: PartitionLane, _ batches: [FetchedBatch]) {
    let partition = lane.partition
    guard leased[partition] === lane else { return }
    leased[partition] = nil
    guard let entry = entries[partition] else { return }
    if entry.isRevoked { return noteReleased(partition) }
    if entry.lane === lane, !entry.isDamaged {
      let offset = lane.processed.load(ordering: .acquiring)
      for batch in batches.reversed() where batch.wanted.upperBound > offset {
        entries[partition]?.batches.prepend(batch)
        entries[partition]?.bytes += batch.records.readableBytes
      }
    }
    offer(partition)
  }

  private mutating func noteReleased(_ partition: TopicPartition) {
    guard let entry = entries[partition], leased[partition].map(isHeldByCloser) ?? true else { return }
    leased[partition] = nil
    notices.append(.released(partition, entry.processed))
  }

  private func isHeldByCloser(_ lane: PartitionLane) -> Bool {
    closers.contains(lane.holder.load(ordering: .acquiring))
  }

  private mutating func offer(_ partition: TopicPartition) {
    guard isOnOffer(partition), entries[partition]?.isQueued == false else { return }
    entries[partition]?.isQueued = true
    ready.append(partition)
  }

  private func isOnOffer(_ partition: TopicPartition) -> Bool {
    guard let entry = entries[partition], leased[partition] == nil else { return false }
    return !entry.isPaused && !entry.isRevoked && (!entry.batches.isEmpty || entry.failure != nil)
  }

  // MARK: What users ask

  /// Hands out nothing of them until it is told to. Those that are not read are left alone.
  mutating func pause(_ partitions: [TopicPartition], _ isPaused: Bool) -> [TopicPartition] {
    var changed: [TopicPartition] = []
    for partition in partitions where entries[partition].map({ !$0.isRevoked && $0.isPaused != isPaused }) == true {
      entries[partition]?.isPaused = isPaused
      if isPaused { entries[partition]?.lane.isInterrupted.store(true, ordering: .releasing) }
      changed.append(partition)
      offer(partition)
    }
    return changed
  }

  func isPaused(_ partition: TopicPartition) -> Bool { entries[partition]?.isPaused ?? false }

  /// Those that are read.
  var assignment: [TopicPartition] { entries.filter { !$0.value.isRevoked }.keys.sorted() }

  /// Behind the last record that is done with, of each that is not let go yet.
  var processed: [TopicPartition: ReadPosition] { entries.mapValues(\.processed) }

  /// Behind the last record that was handed out, of each that is not let go yet.
  var delivered: [TopicPartition: ReadPosition] { entries.mapValues(\.delivered) }

  /// Records in each that were not handed out yet, where it is known how many there are.
  var lag: [TopicPartition: Int64] {
    entries.compactMapValues { entry in
      entry.highWatermark.map { end in
        // The end is the broker's word.
        max(0, end.subtractingReportingOverflow(entry.lane.delivered.load(ordering: .acquiring)).partialValue)
      }
    }
  }

  /// What was handed out and lies before these is done with, whoever is at work on it still. Where the partition is read
  /// on does not change: after a seek, what was handed out before it says nothing.
  func markProcessed(_ positions: [TopicPartition: ReadPosition]) {
    for (partition, position) in positions {
      guard let lane = entries[partition]?.lane, position.offset > lane.processed.load(ordering: .acquiring),
        position.offset <= lane.delivered.load(ordering: .acquiring)
      else { continue }
      lane.processed.store(position.offset, ordering: .releasing)
    }
  }
}

extension DeliveryState {
  /// Where a partition is read on.
  enum Destination: Hashable, Sendable {
    case exactly(Int64)
    /// There, unless less was handed out.
    case atMost(Int64)
  }
}

extension DeliveryState.Entry {
  fileprivate var processed: ReadPosition {
    ReadPosition(offset: lane.processed.load(ordering: .acquiring), epoch: epoch)
  }

  fileprivate var delivered: ReadPosition {
    ReadPosition(offset: lane.delivered.load(ordering: .acquiring), epoch: epoch)
  }
}
