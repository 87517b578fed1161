package import NIOCore
internal import NIOEmbedded
internal import Synchronization
package import TailraceWire

/// A connection without a socket: offers calls to a dispatcher as the transport does, and records what is answered.
///
/// Its event loop is its own, and its time stands still until `advance` moves it. Thread-safe. To be closed in the end.
package final class FakeCallConnection: CallConnection {
  private let loop = NIOAsyncTestingEventLoop()
  private let dispatcher: any RequestDispatcher
  package let door: Door
  package let peer = "127.0.0.1:9"
  private let state = Mutex(State())

  private struct State {
    var acceptsCalls = true
    var placesInTurn = 0
    var lastID: UInt64 = 0
    /// Calls that the dispatcher has not taken yet.
    var queue = InboundCalls()
    var answers: [CallID: [Response]] = [:]
    /// Call ids in the order of their answers.
    var order: [CallID] = []
    var waiting: [CallID: CheckedContinuation<Response, Never>] = [:]
    var heldBytes = 0
    var hasMemory = true
    var isClosed = false
    var abandoned: Set<CallID> = []
    var askedAgain = 0
    var expectedAnswers = 0
    /// Of calls that stream: what they were sent, and what they may be sent yet.
    var messages: [CallID: [Response]] = [:]
    var credit: [CallID: Int] = [:]
  }

  /// A connection that came through `door`.
  package init(to dispatcher: any RequestDispatcher, door: Door = .native) {
    self.dispatcher = dispatcher
    self.door = door
  }

  package var eventLoop: any EventLoop { loop }

  /// Settable at any time. Calls that were left are offered again by `offer`.
  package var acceptsCalls: Bool {
    get { state.withLock { $0.acceptsCalls } }
    set { state.withLock { $0.acceptsCalls = newValue } }
  }

  /// Places that are left for answers to what others have brought, of whatever turn. Settable at any time.
  package var placesInTurn: Int {
    get { state.withLock { $0.placesInTurn } }
    set { state.withLock { $0.placesInTurn = newValue } }
  }

  package func takePlaceInTurn() -> Bool {
    state.withLock { state in
      guard state.placesInTurn > 0 else { return false }
      state.placesInTurn -= 1
      return true
    }
  }

  /// What the dispatcher holds, in bytes.
  package var heldBytes: Int { state.withLock { $0.heldBytes } }

  /// Whether there is memory to hold more. Settable at any time.
  package var hasMemory: Bool {
    get { state.withLock { $0.hasMemory } }
    set { state.withLock { $0.hasMemory = newValue } }
  }

  package func isInFlight(_ call: CallID) -> Bool {
    state.withLock { !$0.isClosed && $0.answers[call] == nil && !$0.abandoned.contains(call) }
  }

  /// How often the dispatcher has asked to be offered again what it left.
  package var askedAgain: Int { state.withLock { $0.askedAgain } }

  /// How often the dispatcher has said that an answer is due from the disk.
  package var expectedAnswers: Int { state.withLock { $0.expectedAnswers } }

  package func expectAnswer() { state.withLock { $0.expectedAnswers += 1 } }

  package func offerAgain() { state.withLock { $0.askedAgain += 1 } }

  package func hold(_ byteCount: Int) -> Bool {
    state.withLock { state in
      if state.hasMemory { state.heldBytes += byteCount }
      return state.hasMemory
    }
  }

  package func release(_ byteCount: Int) { state.withLock { $0.heldBytes -= byteCount } }

  package func send(_ message: Response, to call: CallID) {
    let bytes = message.chunks?.byteCount ?? 0
    state.withLock { state in
      state.messages[call, default: []].append(message)
      state.credit[call, default: 0] -= bytes
    }
  }

  package func credit(of call: CallID) -> Int { state.withLock { $0.credit[call] ?? 0 } }

  /// What a call that streams was sent so far.
  package func messages(of call: CallID) -> [Response] { state.withLock { $0.messages[call] ?? [] } }

  /// Lets a call be sent so many bytes more. What is due on the event loop is done before it returns.
  package func grant(_ byteCount: Int, to call: CallID) async {
    state.withLock { $0.credit[call, default: 0] += byteCount }
    await run { [self] in dispatcher.creditGranted(to: call, on: self) }
  }

  package func respond(_ response: Response, to call: CallID) {
    let waiting = state.withLock { state in
      state.answers[call, default: []].append(response)
      state.order.append(call)
      return state.waiting.removeValue(forKey: call)
    }
    waiting?.resume(returning: response)
  }

  // MARK: - Calls

  /// Offers calls that came in one read; returns their ids. What is due on the event loop is done before it returns.
  @discardableResult
  package func send(_ calls: [(method: RPCMethod, message: ByteBuffer)]) async -> [CallID] {
    let ids = state.withLock { state in
      calls.map { call in
        state.lastID += 1
        let id = CallID(rawValue: state.lastID)
        state.queue.append(InboundCall(id: id, method: call.method, message: call.message))
        return id
      }
    }
    await offer()
    return ids
  }

  /// Offers what the dispatcher has left, as the transport does once its output is sent.
  package func offer() async {
    await run { [self] in
      let queue = state.withLock { state in
        defer { state.queue = InboundCalls() }
        return state.queue
      }
      dispatcher.dispatch([CallOffer(connection: self, calls: queue)])
      state.withLock { state in
        while let call = state.queue.popFirst() { queue.append(call) }
        state.queue = queue
      }
    }
  }

  /// How many calls the dispatcher has not taken.
  package var queuedCalls: Int { state.withLock { $0.queue.count } }

  /// Waits for a call's answer.
  package func response(to call: CallID) async -> Response {
    await withCheckedContinuation { continuation in
      let known = state.withLock { state -> Response? in
        if let first = state.answers[call]?.first { return first }
        state.waiting[call] = continuation
        return nil
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  /// The answers that were given to a call so far. More than one is a defect of the dispatcher.
  package func answers(to call: CallID) -> [Response] { state.withLock { $0.answers[call] ?? [] } }

  /// Ids of answered calls, in the order of their answers.
  package var answeredCalls: [CallID] { state.withLock { $0.order } }

  /// Makes one call and waits for its answer.
  package func call(_ method: RPCMethod, _ message: ByteBuffer) async -> Response {
    await response(to: await send([(method, message)])[0])
  }

  /// Makes one typed call.
  package func call<Answer: WireMessage>(
    _ method: RPCMethod, _ request: some WireMessage, as type: Answer.Type
  ) async throws -> Answer {
    try await call(method, try request.encoded()).decoded(as: type)
  }

  // MARK: - The rest of a connection's life

  /// Moves the event loop's time on, and runs what is due then.
  package func advance(byMs milliseconds: Int64) async {
    await loop.advanceTime(by: .milliseconds(milliseconds))
  }

  /// Tells the dispatcher that nobody waits for a call any more.
  package func abandon(_ call: CallID) async {
    state.withLock { _ = $0.abandoned.insert(call) }
    await run { [self] in dispatcher.abandon(call, from: self) }
  }

  /// Tells the dispatcher that the peer sends no more.
  package func endInput() async {
    await run { [self] in dispatcher.inputEnded(on: self) }
  }

  /// Tells the dispatcher that the connection is closed, and ends the event loop. No calls after that.
  package func close() async {
    state.withLock { $0.isClosed = true }
    await run { [self] in dispatcher.connectionClosed(self) }
    await loop.shutdownGracefully()
  }

  private func run(_ body: @escaping @Sendable () -> Void) async {
    try? await loop.executeInContext(body)
    await loop.run()
  }
}

extension Response {
  /// The serialised message, out of memory and files; throws the failure where it is one.
  package func bytes() throws -> ByteBuffer {
    switch self {
    case .message(let bytes): return bytes
    case .short(let message): return message.withUnsafeBytes { ByteBuffer(bytes: $0) }
    case .failure(let error): throw error
    case .end: return ByteBuffer()
    case .chunks(let chunks):
      var all = ByteBuffer()
      for chunk in chunks { all.writeImmutableBuffer(try chunk.bytes()) }
      return all
    }
  }

  /// The message; throws the failure where it is one.
  package func decoded<Answer: WireMessage>(as type: Answer.Type) throws -> Answer {
    try Answer(decoding: try bytes(), limits: DecodeLimits(maxBytes: 64 << 20, arenaBytes: 256 << 20))
  }

  /// The failure; nil where it is none.
  package var failure: RPCError? {
    if case .failure(let error) = self { error } else { nil }
  }
}
