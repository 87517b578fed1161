internal import NIOCore
internal import Synchronization

/// Has two connections share an event loop before the next loop gets one.
///
/// A client that produces and consumes has two connections, mostly made one behind the other, and what comes in on one is
/// what the other waits for: on one loop that takes no wake-up of another thread, which costs more than all the rest of
/// such an answer. Beyond that loops have as many connections as each other. Thread-safe.
final class LoopPairing: Sendable {
  private let group: any EventLoopGroup
  private let loops: [any EventLoop]
  /// Open connections of each loop.
  private let counts: Mutex<[Int]>

  /// `group`: gives its loops in turn, as `MultiThreadedEventLoopGroup` does.
  init(_ group: any EventLoopGroup) {
    self.group = group
    loops = Array(group.makeIterator())
    counts = Mutex(Array(repeating: 0, count: loops.count))
  }

  /// Counts a connection until it closes, and chooses the loop of the next one. On the connection's loop.
  func note(_ channel: any Channel) {
    guard loops.count > 1, let place = loops.firstIndex(where: { $0 === channel.eventLoop }) else { return }
    count(1, on: place)
    channel.closeFuture.whenComplete { _ in self.count(-1, on: place) }
  }

  private func count(_ change: Int, on place: Int) {
    let next = counts.withLock { counts in
      counts[place] += change
      return Self.choose(counts, after: place)
    }
    // The one that is chosen is the next in turn. Where connections come faster than this is done, some are not chosen.
    let before = loops[(next + loops.count - 1) % loops.count]
    for _ in loops where group.next() === before { return }
  }

  /// The loop with half a pair, first that of the connection which came, or went, last; else the one with the fewest connections.
  static func choose(_ counts: [Int], after place: Int) -> Int {
    if counts[place] % 2 == 1 { return place }
    return counts.firstIndex { $0 % 2 == 1 } ?? counts.indices.min { counts[$0] < counts[$1] } ?? place
  }
}
