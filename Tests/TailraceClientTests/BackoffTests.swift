import TailraceClient
import Testing

@Suite struct BackoffTests {
  @Test func `each failure doubles the wait, up to a bound, and a success begins anew`() {
    var backoff = Backoff()
    #expect(backoff.retryAtMs == 0)
    var waits: [Int64] = []
    for _ in 0..<8 {
      backoff.fail(nowMs: 1_000, fraction: 1)
      waits.append(backoff.retryAtMs - 1_000)
    }
    #expect(waits == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    backoff.succeed()
    #expect(backoff.retryAtMs == 0)
    backoff.fail(nowMs: 0, fraction: 1)
    #expect(backoff.retryAtMs == 100)
  }

  @Test func `a lower bound holds, but for the first wait`() {
    for (bound, longest) in [(Int64(333), Int64(333)), (7, 100), (60_000, 5_000)] {
      var backoff = Backoff()
      for _ in 0..<8 { backoff.fail(nowMs: 0, fraction: 1, boundMs: bound) }
      // Odd waits are halved.
      #expect((longest - 1...longest).contains(backoff.retryAtMs))
    }
  }

  @Test func `chance spreads the tries over the second half`() {
    for (fraction, wait) in [(0.0, Int64(50)), (0.5, 75), (1, 100), (-3, 50), (9, 100)] {
      var backoff = Backoff()
      backoff.fail(nowMs: 0, fraction: fraction)
      #expect(backoff.retryAtMs == wait)
    }
  }
}
