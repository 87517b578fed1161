import NIOCore
import Testing

@testable import TailraceClient

@Suite struct ProducerCoreTests {
  @Test func `an answer sets no timer unless something is to be sent again`() throws {
    var core = ProducerCore(ProducerConfiguration(), backoff: Backoff())
    core.learn("orders", partitionCount: 1, now: .now(), chance: 0)
    guard case .appended(let delivery, _, _) = core.append(.init(value: "v"), to: "orders", hasRoom: false, nowMs: 0)
    else {
      Issue.record("it is not taken")
      return
    }
    let deadline = try #require(core.wakeAt)
    // Nothing of that serial is under way: all is as it was.
    _ = core.answered(0, 7, .success(0), now: .now(), jitter: 0)
    #expect(core.wakeAt == deadline)
    #expect(delivery.result == nil)
  }
}
