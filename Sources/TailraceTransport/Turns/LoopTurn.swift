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
  /// So many may join a turn before those whose turn it is have to be thought of.
  private static let fewJoined = 4
  /// Longer than it takes a loop to get from one socket to the next.
  private static let apart = TimeAmount.microseconds(30)
  /// After so many turns of one connection each the next one is had at once.
  private static let soloTurns = 4

  private let eventLoop: any EventLoop
  private let dispatcher: any RequestDispatcher
  /// Calls are taken for this long. Each connection may take a few in any case.
  private let length: TimeAmount
  /// Has `runLater` called once the loop has looked at its sockets; nil: soon.
  private let yield: LoopYield?
  /// Where there may be more to read after a turn; nil: the loop looks itself.
  private let sockets: LoopSockets?
  /// For so long turns with what is read there follow each other before the loop looks at its sockets itself.
  private let lookLength: TimeAmount
  /// Looks for more there for a while; nil: the loop sleeps at once.
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
  private var isLookScheduled = false
  /// Whether it is worth while to look for more for a while behind the last turn.
  private var isPollWanted = false
  /// Whether the last read through a channel brought so little that the next one may go past it.
  private var areReadsSmall = false
  private var lookHabit = LookHabit()
  /// Whether the turn under way left a call that another thread will soon answer.
  private var isAnswerExpected = false
  /// Connections whose output waits for room in their sockets, which a look for more would not see.
  private(set) var heldBackCount = 0
  /// When the turn under way began, or the last one, and when that ended.
  private var begin = NIODeadline.uptimeNanoseconds(0)
  private var end = NIODeadline.uptimeNanoseconds(0)
  /// Until when what is found past the channels may be read there. It moves on only when the loop is known to have looked
  /// at its sockets itself, or tasks that lead to turns and turns that leave tasks would keep it from that.
  private var lookEnd = NIODeadline.uptimeNanoseconds(0)
  private var hasLoopLooked = false
  /// Those that were given answers in the turn under way without being of it.
  private var joined: [any TurnMember] = []
  /// Places of the turn under way that were taken.
  private var placeCount = 0
  /// Who was alone in the last turn, and how many were of one each.
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
    sockets: LoopSockets? = nil, lookLength: TimeAmount = .microseconds(200), busyPoll: BusyPoll? = nil
  ) {
    self.eventLoop = eventLoop
    self.dispatcher = dispatcher
    self.length = length
    self.yield = yield
    self.sockets = sockets
    self.lookLength = lookLength
    self.busyPoll = busyPoll
    if let yield { sockets?.watch(yield.readEnd) }
    // Until the loop ends. Not weakly: whatever is referred to so costs more to refer to, in all places.
    yield?.body = {
      self.hasLoopLooked = true
      self.runLater()
    }
  }

  /// Has what comes on `channel` end a look for more.
  func watch(_ channel: any Channel) {
    guard let sockets else { return }
    try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, sockets.watch)
  }

  /// Has what comes on `socket` read by `reader`, past its channel. Returns what `forget` takes.
  func watch(_ socket: DirectSocket, for reader: any DirectReader) -> UInt32? {
    sockets.map { socket.watch($0, for: reader) }
  }

  func forget(_ reader: UInt32) { sockets?.forget(reader) }

  /// A read through a channel has brought so little that the next one may go past it, or more.
  func noteRead(isSmall: Bool) { areReadsSmall = isSmall }

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

  /// The same for a connection that has just read. Where turns are of one at a time, it need not wait for others: if it is the
  /// same one as ever, or the turn before was a while ago, so that it is the first whose read the loop sees now.
  func addReader(_ handler: any TurnMember) {
    hasLoopLooked = true
    guard soloCount >= Self.soloTurns, waiting.isEmpty, soloist == ObjectIdentifier(handler) || isApart,
      runAlone(handler)
    else {
      add(handler)
      return
    }
  }

  private var isApart: Bool { eventLoop.now - end >= Self.apart }

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

  /// Takes one of the few places that the turn under way has for answers to what others have brought. False where there
  /// is none, or no turn.
  func takePlace() -> Bool {
    guard isRunning, placeCount < Self.fewJoined else { return false }
    placeCount += 1
    return true
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
    placeCount = 0
    isAnswerExpected = false
    begin = eventLoop.now
    if hasLoopLooked { lookEnd = begin + lookLength }
    hasLoopLooked = false
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
    // A few who waited for what others have just brought go first: they have waited longer.
    if joined.count <= Self.fewJoined { endJoined() }
    for handler in running { handler.endTurn() }
    let count = running.count
    running.removeAll(keepingCapacity: true)
    endJoined()
    isRunning = false
    end = eventLoop.now
    scheduleLater()
    scheduleLook(behind: count)
  }

  /// In the order in which they came; one that ends may have others join.
  private func endJoined() {
    var index = 0
    while index < joined.count {
      joined[index].endTurn()
      index += 1
    }
    joined.removeAll(keepingCapacity: true)
  }

  /// Those from `index` on take part in a later turn instead.
  private func postpone(from index: Int) {
    later.append(contentsOf: running[index...])
    running.removeSubrange(index...)
  }

  private func noteSoloist() {
    soloist = running.count == 1 ? running.first.map(ObjectIdentifier.init) : nil
    soloCount = soloist == nil ? 0 : soloCount &+ 1
  }

  private func scheduleLater() {
    guard !later.isEmpty, !isLaterScheduled else { return }
    isLaterScheduled = true
    askForLater()
  }

  private func scheduleLook(behind count: Int) {
    isPollWanted =
      busyPoll?.isWorthwhile(afterTurnAt: begin, of: count, expectingAnswer: isAnswerExpected) ?? false
    guard sockets != nil, !isLookScheduled,
      isPollWanted || (areReadsSmall && begin < lookEnd && lookHabit.isDue)
    else { return }
    isLookScheduled = true
    // A task, so that those which the turn has left to do come first.
    eventLoop.execute { self.look() }
  }

  /// Takes a turn with what there is to read by now, or comes within a while, unless the loop has something to do itself:
  /// other connections may have read behind the turn.
  private func look() {
    isLookScheduled = false
    guard let sockets, !isScheduled, !isLaterScheduled else { return }
    guard sockets.look() || (isPollWanted && heldBackCount == 0 && busyPoll?.run() == true) else {
      lookHabit.note(false)
      return
    }
    let now = eventLoop.now
    // Else it is for the loop to look, which finds what was found here.
    guard now < lookEnd else { return }
    if !sockets.read(at: now, { running.append($0) }) { lookEnd = now }
    lookHabit.note(!running.isEmpty)
    if !running.isEmpty { run() }
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

/// Whether it is worth while to look for more at once behind a turn. Where it was not, it is tried again only after more and
/// more turns.
struct LookHabit {
  private static let mostPassed = 63

  /// How many turns to let pass in all, and how many are left of those.
  private var passCount = 0
  private var leftCount = 0

  /// To be asked once for each turn.
  var isDue: Bool {
    mutating get {
      defer { leftCount = max(0, leftCount - 1) }
      return leftCount == 0
    }
  }

  mutating func note(_ isReady: Bool) {
    passCount = isReady ? 0 : min(2 * passCount + 1, Self.mostPassed)
    leftCount = passCount
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
      let sockets = try LoopSockets()
      let length = limits.busyPollLength
      turns[ObjectIdentifier(loop)] = LoopTurn(
        eventLoop: loop, dispatcher: dispatcher, length: limits.turnLength, yield: try await LoopYield.make(on: loop),
        sockets: sockets, busyPoll: length == .zero ? nil : BusyPoll(sockets, length: length, cores: cores))
    }
    self.turns = turns
  }

  func turn(of eventLoop: any EventLoop) -> LoopTurn {
    turns[ObjectIdentifier(eventLoop)] ?? LoopTurn(eventLoop: eventLoop, dispatcher: dispatcher)
  }
}
