import Testing

@testable import tailrace

@Suite struct RateMeterTests {
  @Test func `it tells how fast a count has grown of late`() {
    var meter = RateMeter()
    #expect(meter.perSecond == 0)
    for second in 0...10 { meter.note(second * 500, atMs: Int64(second) * 1_000) }
    #expect(meter.perSecond == 500)
    for second in 11...20 { meter.note(5_000 + (second - 10) * 10, atMs: Int64(second) * 1_000) }
    #expect(meter.perSecond == 10)
    for second in 21...30 { meter.note(5_100, atMs: Int64(second) * 1_000) }
    #expect(meter.perSecond == 0)
  }

  @Test func `a count at every moment costs no more than a few`() {
    var meter = RateMeter()
    for ms in 0..<100_000 { meter.note(7 * ms, atMs: Int64(ms)) }
    #expect((6_900...7_100).contains(meter.perSecond))
  }
}
