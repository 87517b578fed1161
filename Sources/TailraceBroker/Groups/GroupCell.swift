internal import DequeModule
internal import Synchronization
internal import TailraceGroups
internal import TailraceWire

/// One group, the order of its events, and what waits until they are on disk. Thread-safe.
///
/// An event is applied at once; what it is answered with goes out when its records, and all earlier ones, are durable.
/// Records are appended in turn, one append at a time: those of events that come while others are being written are
/// written together, and none are on their way behind some that cannot be stored. Where writing fails, what is in memory
/// may be ahead of the log: it is thrown away, everybody who waits is told, and the group is read again.
final class GroupCell: Sendable {
  /// What to do once an event is durable, or with why it is not.
  private typealias Delivery = @Sendable (RPCError?) -> Void

  private enum Content {
    case group(Group)
    /// Not to be used until it is replaced; why.
    case lost(RPCError)
    /// Lost for good, and on its way out of the log.
    case erasing(RPCError)
    /// Out of the table: nothing is to be done with this cell any more.
    case retired
  }

  private struct State {
    var content: Content
    /// Events with records, so far, and how many of them are durable.
    var applied: UInt64 = 0
    var durable: UInt64 = 0
    /// Records that are not handed to the store yet.
    var outbox: [GroupLogRecord] = []
    /// Whether a thread hands over the outbox.
    var isSending = false
    /// Whether the store has records of which it has not told what became.
    var isStoring = false
    var waiting: Deque<(event: UInt64, deliver: Delivery)> = []
    var nextDeadlineMs: Int64?
    /// When `onDeadline` was last told to come; nil: not, or it came.
    var scheduledMs: Int64?

    var isSettled: Bool { durable == applied }

    /// The time to be woken at, where that is earlier than what was told.
    mutating func takeDeadline() -> Int64? {
      guard let next = nextDeadlineMs, next < scheduledMs ?? .max else { return nil }
      scheduledMs = next
      return next
    }

    /// Takes in what an event led to, but its replies.
    mutating func note<Reply>(_ outcome: GroupOutcome<Reply>) {
      nextDeadlineMs = outcome.nextDeadlineMs
      guard !outcome.records.isEmpty else { return }
      applied += 1
      outbox += outcome.records
    }

    /// Whether the caller is to hand over the outbox now.
    mutating func beginSending() -> Bool {
      guard !isSending, !isStoring, !outbox.isEmpty else { return false }
      isSending = true
      return true
    }
  }

  /// What became of an attempt.
  enum Attempt {
    case done
    /// The cell is retired: the group is to be looked up again.
    case retired
  }

  let id: GroupID
  private let store: any OffsetStore
  private let answer: @Sendable (ParkedAnswer) -> Void
  private let onLoss: @Sendable (GroupCell, RPCError) -> Void
  private let onDeadline: @Sendable (GroupCell, Int64) -> Void
  private let state: Mutex<State>

  /// `answer` gets the answers to parked heartbeats. `onLoss` is called when the group is lost; `onDeadline` with a time
  /// at which `timePassed` is to be called, the earliest so far.
  init(
    _ group: Group, store: any OffsetStore, answer: @escaping @Sendable (ParkedAnswer) -> Void,
    onLoss: @escaping @Sendable (GroupCell, RPCError) -> Void,
    onDeadline: @escaping @Sendable (GroupCell, Int64) -> Void = { _, _ in }
  ) {
    id = group.id
    self.store = store
    self.answer = answer
    self.onLoss = onLoss
    self.onDeadline = onDeadline
    state = Mutex(State(content: .group(group)))
  }

  /// When `timePassed` is due; nil: it is not.
  var nextDeadlineMs: Int64? { state.withLock { $0.nextDeadlineMs } }

  /// Does what is due, and has itself woken for the next. `scheduledMs`: what `onDeadline` was told. Where an earlier time
  /// was told since, that one counts, and nothing is done.
  func timePassed(_ scheduledMs: Int64, now: Int64) {
    let (isDue, next) = state.withLock { state -> (Bool, Int64?) in
      guard state.scheduledMs == scheduledMs else { return (false, nil) }
      state.scheduledMs = nil
      guard let deadline = state.nextDeadlineMs else { return (false, nil) }
      return (deadline <= now, deadline <= now ? nil : state.takeDeadline())
    }
    if let next { onDeadline(self, next) }
    if isDue { _ = apply({ $0.timePassed(now: now) }, deliver: { _ in }) }
  }

  /// Why the group cannot be used; nil where it can.
  var loss: RPCError? {
    state.withLock { state in
      if case .lost(let error) = state.content { error } else { nil }
    }
  }

  /// The group in short as it is now, what is not durable yet included; without its state where it cannot be used. Nil
  /// where there is none.
  var summary: GroupSummary? {
    state.withLock { state in
      switch state.content {
      case .group(let group): group.exists ? group.summary : nil
      case .lost, .erasing: GroupSummary(group: id.name)
      case .retired: nil
      }
    }
  }

  /// Applies an event. `deliver` gets the reply once it may be told, perhaps before this returns.
  func apply<Reply: Sendable>(
    _ event: (inout Group) -> GroupOutcome<Reply>, deliver: @escaping @Sendable (Result<Reply, RPCError>) -> Void
  ) -> Attempt {
    attempt { state, group in
      let outcome = event(&group)
      state.note(outcome)
      return { [answer] failure in
        deliver(failure.map { .failure($0) } ?? outcome.reply.mapError { RPCError($0) })
        // Where the group is lost, all that are parked are told of it.
        if failure == nil { for parked in outcome.answers { answer(parked) } }
      } as Delivery
    } refused: {
      deliver(.failure($0))
    }
  }

  /// Looks at the group. `deliver` gets the result once what it shows is durable.
  func read<Value: Sendable>(
    _ body: (Group) throws(GroupError) -> Value, deliver: @escaping @Sendable (Result<Value, RPCError>) -> Void
  ) -> Attempt {
    attempt { _, group in
      let result: Result<Value, RPCError>
      do throws(GroupError) { result = .success(try body(group)) } catch { result = .failure(RPCError(error)) }
      return { failure in deliver(failure.map { .failure($0) } ?? result) } as Delivery
    } refused: {
      deliver(.failure($0))
    }
  }

  /// Changes nothing that is persisted.
  func adjust(_ body: (inout Group) -> Void) {
    state.withLock { state in
      guard case .group(var group) = state.content else { return }
      state.content = .retired
      body(&group)
      state.content = .group(group)
    }
  }

  /// Puts what was read from the log in a lost group's place, once these events are applied to it: nobody finds it half
  /// done. There are no heartbeats parked in it.
  func restore(_ group: Group, _ events: ((inout Group) -> GroupOutcome<Void>)...) {
    let (isSender, deadline) = state.withLock { state -> (Bool, Int64?) in
      guard case .lost = state.content else { return (false, nil) }
      var group = group
      for event in events { state.note(event(&group)) }
      state.content = .group(group)
      return (state.beginSending(), state.takeDeadline())
    }
    if let deadline { onDeadline(self, deadline) }
    if isSender { send() }
  }

  /// Whether the group can be had again from its log.
  var isToBeReadAgain: Bool { loss?.code == .unavailable }

  /// Its log is damaged: whoever asks is told so.
  func abandonForGood(_ reason: RPCError) { state.withLock { $0.content = .lost(reason) } }

  /// From here on what the log has of it may be deleted. False where its log is not damaged, or somebody does that already.
  func beginErasing() -> Bool {
    state.withLock { state in
      guard case .lost(let error) = state.content, error.code == .dataLoss else { return false }
      state.content = .erasing(error)
      return true
    }
  }

  /// It could not be deleted.
  func endErasing() {
    state.withLock { state in
      if case .erasing(let error) = state.content { state.content = .lost(error) }
    }
  }

  /// It is deleted.
  func retire() { state.withLock { $0.content = .retired } }

  /// Where the group does not exist and nothing of it is under way, the cell is retired; true if it is now.
  func retireIfGone() -> Bool {
    state.withLock { state in
      switch state.content {
      case .retired: return true
      case .lost, .erasing: return false
      case .group(let group):
        guard !group.exists, state.isSettled, state.waiting.isEmpty else { return false }
        state.content = .retired
        return true
      }
    }
  }

  private func attempt(
    _ body: (inout State, inout Group) -> Delivery, refused: (RPCError) -> Void
  ) -> Attempt {
    enum Step {
      case deliver(Delivery)
      case wait
      case refuse(RPCError)
      case retired
    }
    let (step, isSender, deadline) = state.withLock { state -> (Step, Bool, Int64?) in
      switch state.content {
      case .retired: return (.retired, false, nil)
      case .lost(let error), .erasing(let error): return (.refuse(error), false, nil)
      case .group(var group):
        // Taken out, so that it is changed in place.
        state.content = .retired
        let delivery = body(&state, &group)
        state.content = .group(group)
        let deadline = state.takeDeadline()
        guard !state.isSettled else { return (.deliver(delivery), false, deadline) }
        state.waiting.append((state.applied, delivery))
        return (.wait, state.beginSending(), deadline)
      }
    }
    if let deadline { onDeadline(self, deadline) }
    if isSender { send() }
    switch step {
    case .deliver(let delivery): delivery(nil)
    case .wait: break
    case .refuse(let error): refused(error)
    case .retired: return .retired
    }
    return .done
  }

  /// Hands over the outbox. One thread at a time, so that the order is that of the events. A store that completes before
  /// it returns is handed what has come meanwhile from here, any other one from where it completes.
  private func send() {
    while let (records, event) = takeOutbox() {
      store.append(records) { [self] failure in
        if let failure { lose(failure) } else { becomeDurable(event) }
        appendEnded()
      }
    }
  }

  private func takeOutbox() -> (records: [GroupLogRecord], event: UInt64)? {
    state.withLock { state in
      guard !state.isStoring, !state.outbox.isEmpty else {
        state.isSending = false
        return nil
      }
      state.isStoring = true
      defer { state.outbox = [] }
      return (state.outbox, state.applied)
    }
  }

  /// Only now, so that everybody is told in the order of the appends.
  private func appendEnded() {
    let isSender = state.withLock { state in
      state.isStoring = false
      return state.beginSending()
    }
    if isSender { send() }
  }

  private func becomeDurable(_ event: UInt64) {
    let ready = state.withLock { state -> [Delivery] in
      state.durable = max(state.durable, event)
      var ready: [Delivery] = []
      while let first = state.waiting.first, first.event <= state.durable {
        ready.append(first.deliver)
        state.waiting.removeFirst()
      }
      return ready
    }
    for deliver in ready { deliver(nil) }
  }

  private func lose(_ failure: RPCError) {
    let reason = RPCError(
      .unavailable,
      "what group '\(id)' did last could not be stored, so it is read again from its log: \(failure.message)",
      error: failure.error)
    let waiting = state.withLock { state -> [Delivery] in
      defer { state.waiting = [] }
      state.content = .lost(reason)
      state.outbox = []
      state.durable = state.applied
      state.nextDeadlineMs = nil
      return state.waiting.map(\.deliver)
    }
    for deliver in waiting { deliver(reason) }
    onLoss(self, reason)
  }
}
