package import NIOCore
internal import Synchronization
package import TailraceWire

/// What the connections of one event loop have to do, done together.
///
/// Between two waits for the network a loop reads from all sockets that have something. Their connections gather here,
/// and when the last one has read they take one turn: the answers that other threads gave go out, the calls of all of
/// them are handed to the dispatcher at once, and then each writes what it was given, with one flush. So what a thread
/// pays once (a lock, a write to a log) it pays once for all of them.
///
/// A turn is short, so that a connection which asks for much does not keep the others waiting: there are bounds on the
/// frames that each takes, on the time that calls are taken for, and on the bytes that each writes. What is left goes on
/// in a later turn, when the loop has looked at its sockets again.
///
/// Isolation: its event loop, but for `addFromOutside`. `@unchecked Sendable`: nothing else is touched elsewhere.
package final class LoopTurn: @unchecked Sendable {
  /// Of more connections than this not each may take a few calls in any case.
  private static let crowd = 16
  /// A connection that was alone for so many turns has its next one at once.
  private static let soloTurns = 4

  private let eventLoop: any EventLoop
  private let dispatcher: any RequestDispatcher
  /// Calls are taken for this long. Each connection may take a few in any case.
  private let length: TimeAmount
  /// Has `runLater` called once the loop has looked at its sockets; nil: soon.
  private let yield: LoopYield?
  /// Looks for more after a turn; nil: the loop sleeps at once.
  private let busyPoll: BusyPoll?

  /// Those that take part in the next turn.
  private var waiting: [any TurnMember] = []
  private var isScheduled = false
  /// Those that take part in a later one.
  private var later: [any TurnMember] = []
  /// Those that other threads have given answers to.
  private let answered = Mutex<[any TurnMember]>([])
  private var isLaterScheduled = false
  private var isRunning = false
  private var isPollScheduled = false
  /// Whether it is worth while to look for more behind the last turn.
  private var isPollWanted = false
  /// Whether the turn under way left a call that another thread will soon answer.
  private var isAnswerExpected = false
  /// Connections whose output waits for room in their sockets, which a look for more would not see.
  private var heldBackCount = 0
  /// When the turn under way began.
  private var begin = NIODeadline.uptimeNanoseconds(0)
  /// Those that were given answers in the turn under way without being of it.
  private var joined: [any TurnMember] = []
  /// Who was alone in the last turns, and in how many.
  private var soloist: ObjectIdentifier?
  private var soloCount = 0
  // Kept from turn to turn for their memory.
  private var running: [any TurnMember] = []
  private var offers: [CallOffer] = []

  package convenience init(eventLoop: any EventLoop, dispatcher: any RequestDispatcher) {
    self.init(
      eventLoop: eventLoop, dispatcher: dispatcher, length: ProcessLimits.default.turnLength)
  }

  init(
    eventLoop: any EventLoop, dispatcher: any RequestDispatcher, length: TimeAmount, yield: LoopYield? = nil,
    busyPoll: BusyPoll? = nil
  ) {
    self.eventLoop = eventLoop
    self.dispatcher = dispatcher
    self.length = length
    self.yield = yield
    self.busyPoll = busyPoll
    if let yield { busyPoll?.watch(yield.readEnd) }
    yield?.body = { [weak self] in self?.runLater() }
  }

  /// Has what comes on `channel` end a look for more.
  func watch(_ channel: any Channel) {
    guard let busyPoll else { return }
    try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, busyPoll.watch)
  }

  /// The output of one more connection, or of one less, waits for room in its socket.
  func noteHeldBack(_ isHeldBack: Bool) { heldBackCount += isHeldBack ? 1 : -1 }

  /// The turn under way leaves a call that another thread will soon answer.
  func expectAnswer() { isAnswerExpected = true }

  /// Has a connection take part in the next turn, which is soon. To be called once until then.
  func add(_ handler: any TurnMember) {
    waiting.append(handler)
    guard !isScheduled else { return }
    isScheduled = true
    eventLoop.execute { self.runWaiting() }
  }

  /// The same for a connection that has just read. Where it is the only one that ever does, it need not wait for others.
  func addReader(_ handler: any TurnMember) {
    guard soloCount >= Self.soloTurns, soloist == ObjectIdentifier(handler), waiting.isEmpty, runAlone(handler) else {
      add(handler)
      return
    }
  }

  /// Has a connection take part in a turn after the loop has looked at its sockets. To be called once until then.
  func addLater(_ handler: any TurnMember) {
    later.append(handler)
    if !isRunning { scheduleLater() }
  }

  /// The same, on any thread: for a connection that was given an answer from outside. Whoever gives them without a pause
  /// does not keep the loop from its sockets.
  func addFromOutside(_ handler: any TurnMember) {
    let isFirst = answered.withLock { answered in
      answered.append(handler)
      return answered.count == 1
    }
    if isFirst { askForLater() }
  }

  /// Has a connection that was given something to write take part in the turn that is under way. False where there is
  /// none.
  func join(_ handler: any TurnMember) -> Bool {
    if isRunning { joined.append(handler) }
    return isRunning
  }

  /// A turn of one connection, at once. False where another one is under way.
  func runAlone(_ handler: any TurnMember) -> Bool {
    guard !isRunning else { return false }
    running.append(handler)
    run()
    return true
  }

  /// Whether so many take part that even a few calls of each would be too many.
  var isCrowded: Bool { running.count > Self.crowd }

  /// Whether no more calls are to be taken in this turn.
  var isOver: Bool { eventLoop.now - begin >= length }

  private func runWaiting() {
    isScheduled = false
    swap(&running, &waiting)
    run()
  }

  private func run() {
    isRunning = true
    isAnswerExpected = false
    begin = eventLoop.now
    noteSoloist()
    for (index, handler) in running.enumerated() {
      if index > 0, index % Self.crowd == 0, isOver {
        postpone(from: index)
        break
      }
      if let offer = handler.beginTurn(at: begin) { offers.append(offer) }
    }
    if !offers.isEmpty {
      dispatcher.dispatch(offers)
      offers.removeAll(keepingCapacity: true)
    }
    for handler in running { handler.endTurn() }
    let count = running.count
    running.removeAll(keepingCapacity: true)
    while let handler = joined.popLast() { handler.endTurn() }
    isRunning = false
    scheduleLater()
    schedulePoll(behind: count)
  }

  /// Those from `index` on take part in a later turn instead.
  private func postpone(from index: Int) {
    later.append(contentsOf: running[index...])
    running.removeSubrange(index...)
  }

  private func noteSoloist() {
    let soloist = running.count == 1 ? running.first.map(ObjectIdentifier.init) : nil
    soloCount = soloist == self.soloist ? soloCount &+ 1 : 0
    self.soloist = soloist
  }

  private func scheduleLater() {
    guard !later.isEmpty, !isLaterScheduled else { return }
    isLaterScheduled = true
    askForLater()
  }

  private func schedulePoll(behind count: Int) {
    guard let busyPoll else { return }
    isPollWanted = busyPoll.isWorthwhile(afterTurnAt: begin, of: count, expectingAnswer: isAnswerExpected)
    guard isPollWanted, !isPollScheduled else { return }
    isPollScheduled = true
    eventLoop.execute { self.poll() }
  }

  /// Looks, unless there is something to do by now: other connections may have read behind the turn.
  private func poll() {
    isPollScheduled = false
    guard isPollWanted, !isScheduled, !isLaterScheduled, heldBackCount == 0 else { return }
    busyPoll?.run()
  }

  private func askForLater() {
    if let yield { yield.ask() } else { eventLoop.execute { self.runLater() } }
  }

  private func runLater() {
    isLaterScheduled = false
    swap(&running, &later)
    let answered = answered.withLock { answered in
      defer { answered = [] }
      return answered
    }
    for handler in answered where handler.takesPartNow() { running.append(handler) }
    run()
  }
}

/// The turns of all loops of a server.
struct LoopTurns: Sendable {
  private let turns: [ObjectIdentifier: LoopTurn]
  private let dispatcher: any RequestDispatcher

  /// Throws where there are no descriptors left for what the turns need.
  init(
    _ group: any EventLoopGroup, _ dispatcher: any RequestDispatcher, limits: ProcessLimits
  ) async throws {
    self.dispatcher = dispatcher
    let cores = PollingCores()
    var turns: [ObjectIdentifier: LoopTurn] = [:]
    for loop in group.makeIterator() {
      turns[ObjectIdentifier(loop)] = LoopTurn(
        eventLoop: loop, dispatcher: dispatcher, length: limits.turnLength, yield: try await LoopYield.make(on: loop),
        busyPoll: limits.busyPollLength == .zero ? nil : try BusyPoll(length: limits.busyPollLength, cores: cores))
    }
    self.turns = turns
  }

  func turn(of eventLoop: any EventLoop) -> LoopTurn {
    turns[ObjectIdentifier(eventLoop)] ?? LoopTurn(eventLoop: eventLoop, dispatcher: dispatcher)
  }
}
