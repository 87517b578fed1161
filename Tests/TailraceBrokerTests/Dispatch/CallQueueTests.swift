import DequeModule
import Synchronization
import TailraceTesting
import TailraceWire
import Testing
@testable import TailraceBroker

/// Calls that run off the event loop.
@Suite struct CallQueueTests {
  @Test func `connections take turns, whatever one of them has queued`() async {
    let busy = connection()
    let other = connection()
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    for number in [0, 1, 2, 3] as [UInt64] { queue.add(jobs.job(number, of: busy)) }
    queue.add(jobs.job(10, of: other))
    await jobs.waitForStart(of: 0)
    #expect(queue.waitingCount == 4)
    jobs.open()
    await jobs.waitForEnd(of: 3)
    #expect(jobs.started == [0, 10, 1, 2, 3])
    await close(busy, other)
  }

  @Test func `no more run at a time than may, of all and of one connection`() async {
    let (first, second) = (connection(), connection())
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 3, maxRunningPerConnection: 2)
    for number in [0, 1, 2] as [UInt64] { queue.add(jobs.job(number, of: first)) }
    for number in [10, 11, 12] as [UInt64] { queue.add(jobs.job(number, of: second)) }
    for number in [0, 1, 10] as [UInt64] { await jobs.waitForStart(of: number) }
    #expect(Set(jobs.started) == [0, 1, 10])
    #expect(queue.waitingCount == 3)
    jobs.open()
    await jobs.waitForEnd(of: 12)
    await jobs.waitForEnd(of: 2)
    #expect(jobs.started.count == 6)
    await close(first, second)
  }

  @Test func `with one call of a connection at a time, its calls run in the order they came in`() async {
    let connection = connection()
    let jobs = JobLog()
    jobs.open()
    let queue = CallQueue(maxRunning: 8, maxRunningPerConnection: 1)
    for number in 0..<200 as Range<UInt64> { queue.add(jobs.job(number, of: connection)) }
    await jobs.waitForEnd(of: 199)
    #expect(jobs.started == Array(0..<200))
    #expect(jobs.ended == Array(0..<200))
    await close(connection)
  }

  @Test func `what nobody waits for any more does not run`() async {
    let (busy, other) = (connection(), connection())
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    for number in [0, 1, 2] as [UInt64] { queue.add(jobs.job(number, of: busy)) }
    for number in [10, 11] as [UInt64] { queue.add(jobs.job(number, of: other)) }
    await jobs.waitForStart(of: 0)
    queue.abandon(CallID(rawValue: 1), of: busy)
    queue.abandonAll(of: other)
    #expect(queue.waitingCount == 1)
    #expect(!queue.isBusy(with: other))
    jobs.open()
    await jobs.waitForEnd(of: 2)
    #expect(jobs.started == [0, 2])
    await close(busy, other)
  }

  @Test func `a connection whose calls were all dropped can queue others`() async {
    let (busy, other) = (connection(), connection())
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    queue.add(jobs.job(0, of: busy))
    await jobs.waitForStart(of: 0)
    queue.add(jobs.job(10, of: other))
    queue.abandon(CallID(rawValue: 10), of: other)
    queue.add(jobs.job(11, of: other))
    jobs.open()
    await jobs.waitForEnd(of: 11)
    #expect(jobs.started == [0, 11])
    await close(busy, other)
  }

  @Test func `a call that runs is cancelled when nobody waits for it, and only that one`() async {
    let connection = connection()
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 4, maxRunningPerConnection: 4)
    for number in [1, 2, 3] as [UInt64] { queue.add(jobs.job(number, of: connection)) }
    for number in [1, 2, 3] as [UInt64] { await jobs.waitForStart(of: number) }
    queue.abandon(CallID(rawValue: 2), of: connection)
    await jobs.waitForEnd(of: 2)
    #expect(jobs.cancelled == [2])
    queue.abandonAll(of: connection)
    for number in [1, 3] as [UInt64] { await jobs.waitForEnd(of: number) }
    #expect(Set(jobs.cancelled) == [1, 2, 3])
    await close(connection)
  }

  @Test func `what jobs keep is charged until they have run or are dropped`() async {
    let connection = connection()
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    for number in [0, 1, 2] as [UInt64] { queue.add(jobs.job(number, of: connection, bytes: 100)) }
    await jobs.waitForStart(of: 0)
    #expect(connection.heldBytes == 300)
    queue.abandon(CallID(rawValue: 1), of: connection)
    #expect(connection.heldBytes == 200)
    queue.abandonAll(of: connection)
    await jobs.waitForEnd(of: 0)
    while connection.heldBytes > 0 { await Task.yield() }
    #expect(jobs.started == [0])
    await close(connection)
  }

  @Test func `without memory for it a call is refused, and nothing of it kept`() async {
    let connection = connection()
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    connection.hasMemory = false
    queue.add(jobs.job(7, of: connection, bytes: 100))
    let failure = connection.answers(to: CallID(rawValue: 7)).first?.failure
    #expect(failure?.code == .resourceExhausted)
    #expect(failure?.error == .limitReached)
    #expect(!queue.isBusy(with: connection))
    #expect(connection.heldBytes == 0)
    await close(connection)
  }

  @Test func `a connection with much waiting is full until that has begun or is dropped, others are not`() async {
    let (busy, other) = (connection(), connection())
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    let half = WaitingJobs.maxBytes / 2
    queue.add(jobs.job(0, of: busy, bytes: half))
    await jobs.waitForStart(of: 0)
    queue.add(jobs.job(1, of: busy, bytes: half))
    #expect(!queue.isFull(for: busy))
    queue.add(jobs.job(2, of: busy, bytes: half))
    #expect(queue.isFull(for: busy))
    #expect(!queue.isFull(for: other))
    queue.abandon(CallID(rawValue: 1), of: busy)
    #expect(!queue.isFull(for: busy))
    queue.add(jobs.job(3, of: busy, bytes: half))
    #expect(queue.isFull(for: busy))
    jobs.open()
    await jobs.waitForEnd(of: 3)
    #expect(!queue.isFull(for: busy))
    #expect(jobs.started == [0, 2, 3])
    await close(busy, other)
  }

  @Test func `a connection is busy from the first call until the last has ended`() async {
    let connection = connection()
    let jobs = JobLog()
    let queue = CallQueue(maxRunning: 1, maxRunningPerConnection: 1)
    #expect(!queue.isBusy(with: connection))
    queue.add(jobs.job(1, of: connection))
    await jobs.waitForStart(of: 1)
    #expect(queue.isBusy(with: connection))
    jobs.open()
    await jobs.waitForEnd(of: 1)
    while queue.isBusy(with: connection) { await Task.yield() }
    await close(connection)
  }

  private func connection() -> FakeCallConnection {
    FakeCallConnection(to: IdleDispatcher())
  }

  private func close(_ connections: FakeCallConnection...) async {
    for connection in connections { await connection.close() }
  }
}

/// Jobs that run until they are let go or cancelled, and what became of them.
private final class JobLog: Sendable {
  private struct State {
    var isOpen = false
    var started: [UInt64] = []
    var ended: [UInt64] = []
    var cancelled: [UInt64] = []
  }

  private let state = Mutex(State())

  var started: [UInt64] { state.withLock { $0.started } }
  var ended: [UInt64] { state.withLock { $0.ended } }
  var cancelled: [UInt64] { state.withLock { $0.cancelled } }

  func job(_ number: UInt64, of connection: FakeCallConnection, bytes byteCount: Int = 0) -> CallQueue.Job {
    CallQueue.Job(call: CallID(rawValue: number), connection: connection, byteCount: byteCount) {
      await self.run(number)
    }
  }

  /// Lets go what runs, and what will run.
  func open() {
    state.withLock { $0.isOpen = true }
  }

  func waitForStart(of number: UInt64) async {
    while !started.contains(number) { await Task.yield() }
  }

  func waitForEnd(of number: UInt64) async {
    while !ended.contains(number) { await Task.yield() }
  }

  private func run(_ number: UInt64) async {
    state.withLock { $0.started.append(number) }
    while !state.withLock({ $0.isOpen }), !Task.isCancelled { await Task.yield() }
    state.withLock { state in
      if Task.isCancelled { state.cancelled.append(number) }
      state.ended.append(number)
    }
  }
}

/// Takes no calls.
private struct IdleDispatcher: RequestDispatcher {
  func dispatch(_ offers: [CallOffer]) {}
  func abandon(_ call: CallID, from connection: any CallConnection) {}
  func inputEnded(on connection: any CallConnection) {}
  func connectionClosed(_ connection: any CallConnection) {}
}
