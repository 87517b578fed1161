import NIOCore
import Synchronization
import TailraceGroups
import TailraceWire

/// A store of groups' records that completes appends when it is told to, or at once. Thread-safe.
final class StubOffsetStore: OffsetStore {
  private struct State {
    var isInline: Bool
    var failure: RPCError?
    var appends: [[GroupLogRecord]] = []
    var waiting: [(records: [GroupLogRecord], completion: @Sendable (RPCError?) -> Void)] = []
    /// What is durable.
    var log: [(key: GroupRecordKey, value: ByteBuffer?)] = []
    var replayCount = 0
    var whileReplayed: (@Sendable () -> Void)?
    var replayFailure: RPCError?
  }

  private let state: Mutex<State>

  /// `isInline`: whether appends complete before they return.
  init(isInline: Bool = false) { state = Mutex(State(isInline: isInline)) }

  /// Records of each append, in order.
  var appends: [[GroupLogRecord]] { state.withLock { $0.appends } }

  /// Appends that are not complete.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  var replayCount: Int { state.withLock { $0.replayCount } }

  /// From here on all appends fail so; nil: none.
  func fail(_ failure: RPCError?) { state.withLock { $0.failure = failure } }

  /// Adds to the log what nobody has appended.
  func plant(_ key: GroupRecordKey, _ value: ByteBuffer?) { state.withLock { $0.log.append((key, value)) } }

  /// From here on all replays fail so.
  func failReplays(_ failure: RPCError) { state.withLock { $0.replayFailure = failure } }

  /// Has `body` called in the middle of each replay.
  func whileReplayed(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whileReplayed = body } }

  /// Completes the earliest append that waits; false where there is none.
  @discardableResult
  func complete(_ failure: RPCError? = nil) -> Bool {
    let next = state.withLock { state in state.waiting.isEmpty ? nil : state.waiting.removeFirst() }
    guard let next else { return false }
    end(next.records, failure, next.completion)
    return true
  }

  func append(_ records: [GroupLogRecord], completion: @escaping @Sendable (RPCError?) -> Void) {
    let (isInline, failure) = state.withLock { state in
      state.appends.append(records)
      if !state.isInline { state.waiting.append((records, completion)) }
      return (state.isInline, state.failure)
    }
    if isInline { end(records, failure, completion) }
  }

  private func end(
    _ records: [GroupLogRecord], _ failure: RPCError?, _ completion: @Sendable (RPCError?) -> Void
  ) {
    if failure == nil {
      state.withLock { state in
        state.log += records.map { ($0.key, try? $0.value?.encoded()) }
      }
    }
    completion(failure)
  }

  func replay(_ apply: (GroupRecordKey, ByteBuffer?) -> Void) async throws(RPCError) {
    if let failure = state.withLock({ $0.replayFailure }) { throw failure }
    let (log, body) = state.withLock { state in
      state.replayCount += 1
      return (state.log, state.whileReplayed)
    }
    for (key, value) in log { apply(key, value) }
    body?()
  }
}

/// What happened, in order. Thread-safe.
final class Notes<Note: Sendable>: Sendable {
  private let notes = Mutex<[Note]>([])

  var all: [Note] { notes.withLock { $0 } }

  func add(_ note: Note) { notes.withLock { $0.append(note) } }
}
