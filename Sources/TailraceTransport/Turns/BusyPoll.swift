#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import TailraceWire

/// Keeps an event loop from sleeping where its next turn is likely to come at once.
///
/// To put a thread to sleep and to wake it takes as long as several small calls, and a client that has one call in flight
/// waits for that each time. So a loop whose turns come close behind one another looks for more for a while before it
/// sleeps. Between two looks it gives its core to any thread that wants it; of all cores no more than half are kept
/// awake like that; and a loop that has looked in vain sleeps as ever until its turns are close again.
///
/// What it looks at is `LoopSockets`. A connection that is not read for now, though there is something to read, ends each
/// look at once, so its loop sleeps as ever. Timers, tasks that other threads give the loop, new connections, and room for
/// the output of the gRPC door wait until the look is over.
///
/// Isolation: its event loop, once it is shared.
final class BusyPoll {
  private let sockets: LoopSockets
  private let length: TimeAmount
  private let cores: PollingCores
  private var rhythm: TurnRhythm

  /// Where the disk is waited for; slower ones are not worth a core.
  private static let diskPatience = 8

  /// - Parameters:
  ///   - length: For how long to look.
  ///   - rhythm: Says when to.
  init(_ sockets: LoopSockets, length: TimeAmount, cores: PollingCores, rhythm: TurnRhythm = TurnRhythm()) {
    self.sockets = sockets
    self.length = length
    self.cores = cores
    self.rhythm = rhythm
  }

  /// Takes note of a turn of `count` connections. Whether it is worth while to look for more behind it: where several have
  /// something to do at a time, their clients can use the core.
  ///
  /// - Parameter expectingAnswer: One is due from the disk, which may take longer than a client takes for its next call.
  func isWorthwhile(afterTurnAt begin: NIODeadline, of count: Int, expectingAnswer: Bool = false) -> Bool {
    rhythm.note(begin, patience: expectingAnswer ? Self.diskPatience : 1)
    return count == 1 && rhythm.isClose
  }

  /// Looks until there is something, or for `length`. Whether there is something; false, too, where it may not look.
  @discardableResult
  func run() -> Bool {
    guard cores.enter() else { return false }
    defer { cores.leave() }
    let end = NIODeadline.now() + length * rhythm.patience
    while !sockets.look() {
      guard NIODeadline.now() < end else {
        rhythm.reset()
        return false
      }
      sched_yield()
    }
    return true
  }
}

/// Whether the turns of a loop come close behind one another.
struct TurnRhythm {
  /// So many close turns in a row, and the next one is likely to be close.
  static let steadiness = 16

  private let closeness: TimeAmount
  private var last = NIODeadline.uptimeNanoseconds(0)
  private var closeCount = 0
  /// How many times as late the next turn may come.
  private(set) var patience = 1

  /// - Parameter closeness: Turns that begin so soon after the one before are close. Not given, it is about twice what two
  ///   threads take to wake each other.
  init(closeness: TimeAmount = .microseconds(100)) { self.closeness = closeness }

  /// - Parameter patience: How many times as late the turn after this one may come, and still be close.
  mutating func note(_ begin: NIODeadline, patience: Int = 1) {
    defer { self.patience = patience }
    closeCount = begin - last <= closeness * self.patience ? min(closeCount + 1, Self.steadiness) : 0
    last = begin
  }

  /// The next turn did not come close.
  mutating func reset() { closeCount = 0 }

  var isClose: Bool { closeCount >= Self.steadiness }
}

/// How many loops of a server may look for more at a time: half as many as there are cores. Thread-safe.
final class PollingCores: Sendable {
  private let limit: Int
  /// How many do now.
  let count = Atomic<Int>(0)

  init(coreCount: Int = System.coreCount) { limit = coreCount / 2 }

  /// False where there are as many as may be. Else `leave` is due.
  func enter() -> Bool {
    guard count.add(1, ordering: .relaxed).newValue <= limit else {
      leave()
      return false
    }
    return true
  }

  func leave() { count.subtract(1, ordering: .relaxed) }
}
