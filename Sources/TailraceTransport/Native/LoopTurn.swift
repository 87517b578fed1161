package import NIOCore
package import TailraceWire

/// What the connections of one event loop have to do, done together.
///
/// Between two waits for the network a loop reads from all sockets that have something. Their connections gather here,
/// and when the last one has read they take one turn: the answers that other threads gave go out, the calls of all of
/// them are handed to the dispatcher at once, and then each writes what it was given, with one flush. So what a thread
/// pays once (a lock, a write to a log) it pays once for all of them.
///
/// Isolation: its event loop. `@unchecked Sendable`: nothing is touched elsewhere.
package final class LoopTurn: @unchecked Sendable {
  private let eventLoop: any EventLoop
  private let dispatcher: any RequestDispatcher
  /// Those that take part in the next turn.
  private var waiting: [NativeConnectionHandler] = []
  private var isScheduled = false
  private var isRunning = false
  /// Those that were given answers in the turn under way without being of it.
  private var joined: [NativeConnectionHandler] = []
  // Kept from turn to turn for their memory.
  private var running: [NativeConnectionHandler] = []
  private var offers: [CallOffer] = []
  private var offering: [NativeConnectionHandler] = []

  package init(eventLoop: any EventLoop, dispatcher: any RequestDispatcher) {
    self.eventLoop = eventLoop
    self.dispatcher = dispatcher
  }

  /// Has a connection take part in the next turn, which is soon. To be called once until then.
  func add(_ handler: NativeConnectionHandler) {
    waiting.append(handler)
    guard !isScheduled else { return }
    isScheduled = true
    eventLoop.execute { self.runWaiting() }
  }

  /// Has a connection that was given something to write take part in the turn that is under way. False where there is
  /// none.
  func join(_ handler: NativeConnectionHandler) -> Bool {
    if isRunning { joined.append(handler) }
    return isRunning
  }

  /// A turn of one connection, at once. False where another one is under way.
  func runAlone(_ handler: NativeConnectionHandler) -> Bool {
    guard !isRunning else { return false }
    running.append(handler)
    run()
    return true
  }

  private func runWaiting() {
    isScheduled = false
    swap(&running, &waiting)
    run()
  }

  private func run() {
    isRunning = true
    let now = eventLoop.now
    for handler in running {
      guard let offer = handler.beginTurn(at: now) else { continue }
      offers.append(offer)
      offering.append(handler)
    }
    if !offers.isEmpty { dispatch() }
    for handler in running { handler.endTurn() }
    running.removeAll(keepingCapacity: true)
    while let handler = joined.popLast() { handler.endTurn() }
    isRunning = false
  }

  private func dispatch() {
    dispatcher.dispatch(&offers)
    for index in offering.indices { offering[index].takeBack(&offers[index].calls) }
    offers.removeAll(keepingCapacity: true)
    offering.removeAll(keepingCapacity: true)
  }
}

/// The turns of all loops of a server.
struct LoopTurns: Sendable {
  private let turns: [ObjectIdentifier: LoopTurn]
  private let dispatcher: any RequestDispatcher

  init(_ group: any EventLoopGroup, _ dispatcher: any RequestDispatcher) {
    self.dispatcher = dispatcher
    turns = Dictionary(
      group.makeIterator().map { (ObjectIdentifier($0), LoopTurn(eventLoop: $0, dispatcher: dispatcher)) },
      uniquingKeysWith: { first, _ in first })
  }

  func turn(of eventLoop: any EventLoop) -> LoopTurn {
    turns[ObjectIdentifier(eventLoop)] ?? LoopTurn(eventLoop: eventLoop, dispatcher: dispatcher)
  }
}
