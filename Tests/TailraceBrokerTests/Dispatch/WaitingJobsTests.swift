import TailraceTesting
import TailraceTestSupport
import TailraceWire
import Testing
@testable import TailraceBroker

/// Jobs of one connection that wait.
@Suite struct WaitingJobsTests {
  private final class Payload: Sendable {}

  private let connection = FakeCallConnection(to: NoDispatcher())

  private func job(_ number: UInt64, bytes: Int = 0, keeping payload: Payload? = nil) -> CallQueue.Job {
    CallQueue.Job(call: CallID(rawValue: number), connection: connection, byteCount: bytes) {
      withExtendedLifetime(payload) {}
    }
  }

  private func drain(_ jobs: inout WaitingJobs) -> [UInt64] {
    var numbers: [UInt64] = []
    while let job = jobs.popFirst() { numbers.append(job.call.rawValue) }
    return numbers
  }

  @Test func `a dropped job is let go of at once, wherever it stands`() async {
    var jobs = WaitingJobs()
    weak var payload: Payload?
    do {
      let strong = Payload()
      payload = strong
      for number in 1...9 as ClosedRange<UInt64> {
        jobs.append(job(number, bytes: 10, keeping: number == 5 ? strong : nil))
      }
    }
    #expect(payload != nil && jobs.byteCount == 90)
    #expect(jobs.remove(CallID(rawValue: 5))?.byteCount == 10)
    #expect(payload == nil)
    #expect(jobs.byteCount == 80 && jobs.count == 8)
    #expect(jobs.remove(CallID(rawValue: 5)) == nil && jobs.remove(CallID(rawValue: 99)) == nil)
    #expect(drain(&jobs) == [1, 2, 3, 4, 6, 7, 8, 9])
    #expect(jobs.isEmpty && jobs.byteCount == 0)
    await connection.close()
  }

  @Test func `all dropped together are given back, and leave nothing`() async {
    var jobs = WaitingJobs()
    for number in 1...5 as ClosedRange<UInt64> { jobs.append(job(number, bytes: 10)) }
    #expect(Set(jobs.removeAll().map(\.call.rawValue)) == [1, 2, 3, 4, 5])
    #expect(jobs.isEmpty && jobs.byteCount == 0 && jobs.popFirst() == nil)
    jobs.append(job(6))
    #expect(drain(&jobs) == [6])
    await connection.close()
  }

  @Test func `they are full by their bytes, or by their number`() async {
    var jobs = WaitingJobs()
    jobs.append(job(1, bytes: WaitingJobs.maxBytes - 1))
    #expect(!jobs.isFull)
    jobs.append(job(2, bytes: 1))
    #expect(jobs.isFull)
    _ = jobs.remove(CallID(rawValue: 2))
    #expect(!jobs.isFull)
    _ = jobs.popFirst()
    for number in 10..<UInt64(10 + WaitingJobs.maxJobs - 1) { jobs.append(job(number)) }
    #expect(!jobs.isFull)
    jobs.append(job(5))
    #expect(jobs.isFull)
    _ = jobs.popFirst()
    #expect(!jobs.isFull)
    await connection.close()
  }

  @Test func `dropped jobs leave room again once none are left`() async {
    var jobs = WaitingJobs()
    for round in 0..<3 as Range<UInt64> {
      for number in 0..<UInt64(WaitingJobs.maxJobs) { jobs.append(job(round << 32 | number)) }
      #expect(jobs.isFull)
      for number in 0..<UInt64(WaitingJobs.maxJobs) { _ = jobs.remove(CallID(rawValue: round << 32 | number)) }
      #expect(!jobs.isFull && jobs.isEmpty)
    }
    await connection.close()
  }

  @Test func `whatever is added, taken and dropped, those left are in their order`() async {
    var random = SeededGenerator(for: "WaitingJobsTests")
    var jobs = WaitingJobs()
    var expected: [UInt64] = []
    for number in 1...5_000 as ClosedRange<UInt64> {
      switch random.below(5) {
      case 0 where !expected.isEmpty:
        #expect(jobs.popFirst()?.call.rawValue == expected.removeFirst(), "seed \(random.seed)")
      case 1...2 where !expected.isEmpty:
        let gone = expected.remove(at: random.below(expected.count))
        #expect(jobs.remove(CallID(rawValue: gone))?.call.rawValue == gone, "seed \(random.seed)")
      default:
        jobs.append(job(number, bytes: Int(number)))
        expected.append(number)
      }
      #expect(jobs.count == expected.count && jobs.isEmpty == expected.isEmpty)
      #expect(jobs.byteCount == Int(expected.reduce(0, +)), "seed \(random.seed)")
    }
    #expect(drain(&jobs) == expected, "seed \(random.seed)")
    await connection.close()
  }
}

private struct NoDispatcher: RequestDispatcher {
  func dispatch(_ offers: [CallOffer]) {}
  func abandon(_ call: CallID, from connection: any CallConnection) {}
  func inputEnded(on connection: any CallConnection) {}
  func connectionClosed(_ connection: any CallConnection) {}
}
