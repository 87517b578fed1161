internal import NIOCore
internal import TailraceWire

/// A connection that takes part in its loop's turns, through whatever door it came. Event loop only.
protocol TurnMember: AnyObject, Sendable {
  var turn: LoopTurn { get }
  /// Whether there is anything to do for it still.
  var isOpen: Bool { get }
  /// Whether it takes part in the turn under way.
  var isInTurn: Bool { get }
  /// Whether it is to have another turn. Without that, to stand in a list of `turn` counts for nothing.
  var isTurnAwaited: Bool { get set }

  /// The first half of a turn: answers what came from other threads. Returns the calls to be offered to the dispatcher;
  /// nil: none.
  func beginTurn(at now: NIODeadline) -> CallOffer?

  /// The second half: writes, and goes on.
  func endTurn()
}

extension TurnMember {
  /// Does all there is to do: answers of other threads, calls of the queue, one flush, and what follows from there being
  /// more room. At once, or with the turn that is under way.
  func work() {
    guard isOpen, !isInTurn else { return }
    let wasAwaited = isTurnAwaited
    isTurnAwaited = true
    if !turn.runAlone(self), !wasAwaited { turn.add(self) }
  }

  /// Has that done in the loop's next turn, together with the other connections'.
  func awaitTurn() {
    guard !isTurnAwaited, isOpen else { return }
    isTurnAwaited = true
    turn.add(self)
  }

  /// The same, after a read.
  func awaitTurnAfterRead() {
    guard !isTurnAwaited, isOpen else { return }
    isTurnAwaited = true
    turn.addReader(self)
  }

  /// There was more to do than a turn takes.
  func awaitLaterTurn() {
    guard !isTurnAwaited, isOpen else { return }
    isTurnAwaited = true
    turn.addLater(self)
  }

  /// Whether it takes part in the turn that is about to begin, because of answers from outside; not where it does anyway.
  func takesPartNow() -> Bool {
    guard !isTurnAwaited, isOpen else { return false }
    isTurnAwaited = true
    return true
  }
}

/// For how long calls of a connection are taken in a turn.
struct TurnShare {
  private var askedCount = 0
  /// Whether no more of its calls are to be taken in this turn.
  private(set) var isTimeUp = false

  /// Whether one more call may be taken, which the dispatcher asks before each. A look at the clock costs as much as a
  /// small call: so it is taken now and then only.
  mutating func allowsCall(in turn: LoopTurn) -> Bool {
    askedCount &+= 1
    if askedCount & 7 == 0 || (askedCount == 1 && turn.isCrowded), !isTimeUp { isTimeUp = turn.isOver }
    return !isTimeUp
  }
}
