internal import HeapModule
internal import Logging
internal import NIOCore
internal import Synchronization
internal import TailraceGroups
internal import TailraceStorage
internal import TailraceWire

/// All groups: finds the one that a call is about, tells them of topics and of time, and reads lost ones again. Thread-safe.
final class GroupCoordinator: Sendable {
  /// Groups at the same time, unless it is given.
  static let maxGroups = 100_000
  private static let sweepMs: Int64 = 10_000

  private struct Table {
    var cells: [GroupID: GroupCell] = [:]
    /// As all cells know it, or are about to.
    var catalog: TopicCatalog
    /// Why no group can be used; nil: they can.
    var refusal: RPCError?
    var isDraining = false
    /// Whether any group may be lost.
    var hasLost = false
    var reloads = ReloadSchedule()
    /// When groups that are gone are looked for.
    var sweepAtMs = Int64.min
  }

  /// When to look at which group.
  private struct Deadline: Comparable {
    let timeMs: Int64
    let group: GroupID

    static func < (first: Deadline, second: Deadline) -> Bool { first.timeMs < second.timeMs }
    static func == (first: Deadline, second: Deadline) -> Bool { first.timeMs == second.timeMs }
  }

  let parked: ParkedHeartbeats
  let limits: GroupLimits
  private let maxGroups: Int
  private let store: any OffsetStore
  private let clock: any WallClock
  private let logger: Logger
  private let table: Mutex<Table>
  private let deadlines = Mutex(Heap<Deadline>())

  /// `clock` should not step: see `Group`.
  init(
    store: any OffsetStore, topics: [Topic], clock: any WallClock, limits: GroupLimits, logger: Logger,
    parked: ParkedHeartbeats = ParkedHeartbeats(), maxGroups: Int = GroupCoordinator.maxGroups
  ) {
    self.store = store
    self.clock = clock
    self.limits = limits
    self.logger = logger
    self.parked = parked
    self.maxGroups = maxGroups
    table = Mutex(Table(catalog: TopicCatalog(topics)))
  }

  var now: Int64 { clock.nowMs() }

  // MARK: - Calls

  /// Applies an event to a group. A group that is not there comes to be with it if `isFounding`; else UNKNOWN_GROUP.
  /// `deliver` gets the reply once it is durable.
  func apply<Reply: Sendable>(
    to id: GroupID, isFounding: Bool = false, _ event: (inout Group) -> GroupOutcome<Reply>,
    deliver: @escaping @Sendable (Result<Reply, RPCError>) -> Void
  ) {
    do throws(RPCError) {
      while true {
        let cell = try cell(id, isFounding: isFounding)
        guard case .done = cell.apply(event, deliver: deliver) else {
          forget(cell)
          continue
        }
        // A refused join leaves no group behind.
        if isFounding { retireIfGone(cell) }
        return
      }
    } catch { deliver(.failure(error)) }
  }

  /// Looks at a group. One that is not there is looked at as an empty one, which tells by `exists`.
  func read<Value: Sendable>(
    _ id: GroupID, _ body: (Group) throws(GroupError) -> Value,
    deliver: @escaping @Sendable (Result<Value, RPCError>) -> Void
  ) {
    if let refusal = table.withLock({ $0.refusal }) {
      deliver(.failure(refusal))
      return
    }
    while let cell = table.withLock({ $0.cells[id] }) {
      if case .done = cell.read(body, deliver: deliver) { return }
      forget(cell)
    }
    let nothing = Group(id, topics: table.withLock { $0.catalog }, limits: limits)
    do throws(GroupError) { deliver(.success(try body(nothing))) } catch { deliver(.failure(RPCError(error))) }
  }

  /// The same, to be waited for.
  func read<Value: Sendable>(
    _ id: GroupID, _ body: (Group) throws(GroupError) -> Value
  ) async throws(RPCError) -> Value {
    try await withCheckedContinuation { continuation in
      read(id, body) { continuation.resume(returning: $0) }
    }.get()
  }

  /// The same, to be waited for.
  func apply<Reply: Sendable>(
    to id: GroupID, isFounding: Bool = false, _ event: (inout Group) -> GroupOutcome<Reply>
  ) async throws(RPCError) -> Reply {
    try await withCheckedContinuation { continuation in
      apply(to: id, isFounding: isFounding, event) { continuation.resume(returning: $0) }
    }.get()
  }

  /// Ids of all groups that begin with `prefix` and come after `start`, ascending.
  func ids(prefix: String, after start: String) -> [GroupID] {
    table.withLock { Array($0.cells.keys) }
      .filter { $0.name.utf8.starts(with: prefix.utf8) && start.utf8.lexicographicallyPrecedes($0.name.utf8) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// A group in short as it is at this moment, whether or not that is durable. Nil where there is none.
  func summary(of id: GroupID) -> GroupSummary? { table.withLock { $0.cells[id] }?.summary }

  /// Nobody waits for these heartbeats any more.
  func abandon(_ heartbeats: some Sequence<ParkedHeartbeats.Parked>) {
    for heartbeat in heartbeats {
      table.withLock { $0.cells[heartbeat.group] }?
        .adjust { $0.abandon(ticket: heartbeat.ticket, of: heartbeat.member) }
    }
  }

  private func cell(_ id: GroupID, isFounding: Bool) throws(RPCError) -> GroupCell {
    if let refusal = table.withLock({ $0.refusal }) { throw refusal }
    let (cell, count) = table.withLock { table -> (GroupCell?, Int) in
      if let cell = table.cells[id] { return (cell, 0) }
      guard isFounding, table.cells.count < maxGroups else { return (nil, table.cells.count) }
      var group = Group(id, topics: table.catalog, limits: limits)
      if table.isDraining { _ = group.drain() }
      let cell = makeCell(group)
      table.cells[id] = cell
      return (cell, 0)
    }
    if let cell { return cell }
    guard isFounding else { throw RPCError(GroupError.unknownGroup(id)) }
    throw RPCError(
      .resourceExhausted, "there are \(count) groups; at most \(maxGroups) are allowed", error: .limitReached)
  }

  private func makeCell(_ group: Group) -> GroupCell {
    GroupCell(group, store: store, answer: { [parked] in parked.answer($0) }) { [weak self] cell, reason in
      self?.lost(cell, reason)
    } onDeadline: { [weak self] cell, time in
      self?.deadlines.withLock { $0.insert(Deadline(timeMs: time, group: cell.id)) }
    }
  }

  private func retireIfGone(_ cell: GroupCell) {
    if cell.retireIfGone() { forget(cell) }
  }

  private func forget(_ cell: GroupCell) {
    table.withLock { table in
      if table.cells[cell.id] === cell { table.cells[cell.id] = nil }
    }
  }

  private var cells: [GroupCell] { table.withLock { Array($0.cells.values) } }

  // MARK: - Topics and time

  /// To be called before a change of topics is answered. One call at a time.
  func topicsChanged(_ topics: [Topic]) {
    let catalog = TopicCatalog(topics)
    let cells = table.withLock { table -> [GroupCell] in
      table.catalog = catalog
      return Array(table.cells.values)
    }
    for cell in cells { _ = cell.apply({ $0.topicsChanged(catalog, now: now) }, deliver: { _ in }) }
  }

  /// Does what is due. To be called every so often: session time-outs and waits are as exact as that.
  func tick() {
    let now = now
    for due in takeDue(now) { table.withLock { $0.cells[due.group] }?.timePassed(due.timeMs, now: now) }
    let (isSweeping, hasLost) = table.withLock { table in
      let isSweeping = table.sweepAtMs <= now
      if isSweeping { table.sweepAtMs = now + Self.sweepMs }
      return (isSweeping, table.hasLost)
    }
    if isSweeping { for cell in cells { retireIfGone(cell) } }
    if hasLost { reloadLost(now) }
  }

  /// How many times are kept at which to look at a group.
  var deadlineCount: Int { deadlines.withLock { $0.count } }

  private func takeDue(_ now: Int64) -> [Deadline] {
    deadlines.withLock { deadlines in
      var due: [Deadline] = []
      while let first = deadlines.min, first.timeMs <= now { due.append(deadlines.removeMin()) }
      return due
    }
  }

  /// Answers all heartbeats that wait, and lets none wait from now on.
  func drain() {
    let cells = table.withLock { table -> [GroupCell] in
      table.isDraining = true
      return Array(table.cells.values)
    }
    for cell in cells { _ = cell.apply({ $0.drain() }, deliver: { _ in }) }
  }

  // MARK: - The log

  /// Reads all groups from the log. To be called once, before the first call. Where the log cannot be read, all calls about
  /// groups are refused from then on: what is known of them may be old.
  func load() async {
    var replay = GroupReplay(catalog: table.withLock { $0.catalog }, limits: limits)
    do throws(RPCError) {
      try await store.replay { replay.take($0, $1) }
    } catch {
      logger.error("consumer groups cannot be used", metadata: ["error": "\(error.message)"])
      let refusal = RPCError(
        error.code, "the log of consumer groups cannot be read: \(error.message)", error: error.error)
      table.withLock { $0.refusal = refusal }
      return
    }
    for (id, group) in replay.groups {
      let cell = makeCell(group)
      table.withLock { $0.cells[id] = cell }
      if let error = replay.damage(of: id) {
        logger.error("a group cannot be used", metadata: ["group": "\(id)", "error": "\(error)"])
        cell.abandonForGood(RPCError(error))
      } else {
        _ = cell.apply({ $0.replayed(now: now) }, deliver: { _ in })
        retireIfGone(cell)
      }
    }
  }

  /// Forgets a group without members, and its offsets. Of one whose log is damaged, whatever the log has goes.
  func delete(_ id: GroupID) async throws(RPCError) -> DeleteGroupResponse {
    let now = now
    guard let cell = table.withLock({ $0.cells[id] }), cell.beginErasing() else {
      return try await apply(to: id) { $0.delete(now: now) }
    }
    do throws(RPCError) { try await erase(id) } catch {
      cell.endErasing()
      throw error
    }
    cell.retire()
    forget(cell)
    return DeleteGroupResponse()
  }

  private func erase(_ id: GroupID) async throws(RPCError) {
    var keys: Set<GroupRecordKey> = []
    try await store.replay { key, value in
      guard key.group == id else { return }
      if value == nil { keys.remove(key) } else { keys.insert(key) }
    }
    // The group's own record goes last, as everywhere.
    let isThere = keys.remove(.group(id)) != nil
    let records = (Array(keys) + (isThere ? [.group(id)] : [])).map { GroupLogRecord($0, nil) }
    let failure = await withCheckedContinuation { continuation in
      store.append(records) { continuation.resume(returning: $0) }
    }
    if let failure { throw failure }
  }

  private func lost(_ cell: GroupCell, _ reason: RPCError) {
    logger.warning("a group could not be stored", metadata: ["group": "\(cell.id)", "error": "\(reason.message)"])
    table.withLock { $0.hasLost = true }
    for heartbeat in parked.removeAll(of: cell.id) {
      heartbeat.connection.respond(.failure(reason), to: heartbeat.call)
    }
  }

  private func reloadLost(_ now: Int64) {
    let isDue = table.withLock { table -> Bool in
      guard table.reloads.begin(now: now) else { return false }
      // Whoever is lost from here on says so.
      table.hasLost = false
      return true
    }
    guard isDue else { return }
    Task {
      do throws(RPCError) { try await reload() } catch {
        logger.warning("lost groups could not be read again", metadata: ["error": "\(error.message)"])
      }
      let now = self.now
      let isAnyLeft = cells.contains(where: \.isToBeReadAgain)
      table.withLock { table in
        table.reloads.end(now: now)
        if isAnyLeft { table.hasLost = true }
      }
    }
  }

  /// Reads the groups again that are lost and not damaged.
  func reload() async throws(RPCError) {
    let (cells, catalog) = table.withLock { (Array($0.cells.values), $0.catalog) }
    let lost = cells.filter(\.isToBeReadAgain)
    guard !lost.isEmpty else { return }
    var replay = GroupReplay(lost.map(\.id), catalog: catalog, limits: limits)
    try await store.replay { replay.take($0, $1) }
    for cell in lost {
      guard let group = replay.groups[cell.id] else { continue }
      if let error = replay.damage(of: cell.id) {
        cell.abandonForGood(RPCError(error))
        continue
      }
      // Topics may have changed while it was read, and whoever changes them tells the group only if it is not lost: so the
      // topics are looked up where it stops being lost.
      cell.restore(
        group, { $0.replayed(now: self.now) },
        { $0.topicsChanged(self.table.withLock { $0.catalog }, now: self.now) })
      if table.withLock({ $0.isDraining }) { _ = cell.apply({ $0.drain() }, deliver: { _ in }) }
    }
  }
}

extension TopicCatalog {
  /// The topics that consumers may read, of these.
  fileprivate init(_ topics: [TailraceBroker.Topic]) {
    let patterns = TopicPatterns()
    self.init(
      topics.filter { !$0.name.isInternal }
        .map { Topic(id: $0.id, name: $0.name.text, partitionCount: $0.partitionCount) },
      matches: { patterns.matches($0, $1) })
  }
}
