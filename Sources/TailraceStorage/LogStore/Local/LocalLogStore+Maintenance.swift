internal import Logging
internal import Synchronization
package import TailraceWire

extension LocalLogStore {
  package func deleteRecords(
    before offset: Offset?, in partition: PartitionID, fence: Fence
  ) async throws(StorageError) -> Offset {
    try check(fence)
    let log = try log(of: partition).get()
    return try await maintenance.run { [flusher] () throws(StorageError) in try log.trim(to: offset, flusher) }
  }

  package func admit(producer: Int64, epoch: UInt32, fence: Fence) {
    guard fence == .local else { return }
    admitted.admit(producer, epoch: epoch)
    guard hasAppended.load(ordering: .sequentiallyConsistent) else { return }
    // An append that looked before holds its partition's lock still: once each was free, all later ones look again.
    for log in allLogs() { log.state.withLock { _ in } }
  }

  package func space() async -> StoreSpace? {
    // A disk may hang: not on the caller's thread.
    let reserve = reserve
    return try? await pool.run { () throws(StorageError) in reserve.space() }
  }

  /// One round of what is done from time to time: rolls and removes by age and size, forgets producers. The store does
  /// it by itself; tests, whose clock stands still, ask for it.
  package func maintain() async throws(StorageError) {
    try await maintenance.run { [self] () throws(StorageError) in maintainNow() }
  }

  /// On the maintenance thread.
  func maintainNow() {
    let nowMs = clock.nowMs()
    reserve.refresh()
    for log in allLogs() {
      guard !contents.withLock({ $0.isClosed }) else { return }
      flusher.carryOut(log.rollByAge(nowMs: nowMs), of: log)
      log.catchUp(flusher)
      log.forgetProducers(before: nowMs - options.producerExpiryMs)
      do throws(StorageError) {
        try log.applyRetention(nowMs: nowMs, flusher)
      } catch {
        logger.warning("retention failed", metadata: .keys([.partition: "\(log.id)", .error: "\(error)"]))
      }
    }
  }

  /// One round of compaction, over all partitions where it is time. The store does it by itself.
  package func compact() async throws(StorageError) {
    try await compaction.run { [self] () throws(StorageError) in compactNow() }
  }

  /// On the compaction thread.
  private func compactNow() {
    for log in allLogs() {
      guard !isStopping.load(ordering: .acquiring) else { return }
      _ = log.compact(options.compaction, nowMs: clock.nowMs()) { self.isStopping.load(ordering: .relaxed) }
    }
  }

  /// All that are open, by id: what is done to one after the other is done in the same order each time.
  func allLogs() -> [PartitionLog] {
    contents.withLock { Array($0.partitions.values) }.sorted { $0.id < $1.id }
  }

  /// Asks for a round of each kind of upkeep every so often, for as long as `ticks` is open and there is a store.
  static func keepMaintaining(
    _ store: LocalLogStore, everyMs intervalMs: Int, ticks: WorkQueue<Void>
  ) throws(StorageError) {
    try WorkerThread.start(name: "maintenance-timer") { [weak store] in
      while case .timeout = ticks.pop(withinMs: intervalMs) {
        guard let store else { return }
        store.maintenance.submitUnlessBusy { [weak store] in store?.maintainNow() }
        store.compaction.submitUnlessBusy { [weak store] in store?.compactNow() }
      }
    }
  }
}
