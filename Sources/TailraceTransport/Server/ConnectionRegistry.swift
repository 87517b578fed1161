internal import NIOCore
internal import Synchronization

/// A connection that is served, through whatever door.
protocol ServedConnection: AnyObject, Sendable {
  var eventLoop: any EventLoop { get }

  /// Takes no further calls, and closes when those in flight are answered. Event loop only.
  func startDraining()
}

extension NativeConnectionHandler: ServedConnection {}

extension GRPCConnectionHandler: ServedConnection {}

/// The open connections of a server: counts them, and reaches them when it stops. Thread-safe.
final class ConnectionRegistry: Sendable {
  private struct Entry {
    let channel: any Channel
    var served: (any ServedConnection)?
  }

  private struct State {
    var entries: [ObjectIdentifier: Entry] = [:]
    /// Connections that are one too many, as long as they are told so.
    var refusedCount = 0
    var isStopping = false
    var emptied: EventLoopPromise<Void>?
  }

  enum Admission {
    case admitted
    /// One too many, to be told so before it is closed. The one who is asked sees to it that this takes little time.
    case full
    /// One too many of those too: to be closed at once.
    case overrun
    case stopping
  }

  private let maxConnections: Int
  private let maxRefusedConnections: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - maxConnections: Open at a time, inclusive.
  ///   - maxRefusedConnections: Open beside those at a time, inclusive, only to be told that they are too many.
  init(maxConnections: Int, maxRefusedConnections: Int) {
    self.maxConnections = maxConnections
    self.maxRefusedConnections = maxRefusedConnections
  }

  var count: Int { state.withLock { $0.entries.count } }

  /// Connections that are being told that they are too many.
  var refusedCount: Int { state.withLock { $0.refusedCount } }

  /// Counts a connection in until it closes, unless there are too many.
  func admit(_ channel: any Channel) -> Admission {
    let id = ObjectIdentifier(channel)
    let admission = state.withLock { state -> Admission in
      if state.isStopping { return .stopping }
      if state.entries.count >= maxConnections {
        if state.refusedCount >= maxRefusedConnections { return .overrun }
        state.refusedCount += 1
        return .full
      }
      state.entries[id] = Entry(channel: channel)
      return .admitted
    }
    switch admission {
    case .admitted: channel.closeFuture.whenComplete { _ in self.remove(id) }
    case .full: channel.closeFuture.whenComplete { _ in self.state.withLock { $0.refusedCount -= 1 } }
    case .overrun, .stopping: break
    }
    return admission
  }

  /// Notes who serves a connection that was admitted. Returns whether the server is stopping.
  func attach(_ connection: any ServedConnection, to channel: any Channel) -> Bool {
    state.withLock { state in
      state.entries[ObjectIdentifier(channel)]?.served = connection
      return state.isStopping
    }
  }

  private func remove(_ id: ObjectIdentifier) {
    let emptied = state.withLock { state in
      state.entries[id] = nil
      guard state.entries.isEmpty else { return nil as EventLoopPromise<Void>? }
      defer { state.emptied = nil }
      return state.emptied
    }
    emptied?.succeed(())
  }

  /// Admits no more, drains connections that are served, and closes those that have not said what they are.
  /// `emptied` succeeds when none is left. To be called once.
  func drain(emptied: EventLoopPromise<Void>) {
    let entries = state.withLock { state in
      state.isStopping = true
      if !state.entries.isEmpty { state.emptied = emptied }
      return Array(state.entries.values)
    }
    if entries.isEmpty { emptied.succeed(()) }
    for entry in entries {
      if let served = entry.served {
        served.eventLoop.execute { served.startDraining() }
      } else {
        entry.channel.close(promise: nil)
      }
    }
  }

  /// Closes all connections at once.
  func closeAll() {
    for entry in state.withLock({ Array($0.entries.values) }) { entry.channel.close(promise: nil) }
  }
}
