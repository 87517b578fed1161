import Testing

@testable import TailraceClient

/// The time that records are given.
@Suite struct RecordClockTests {
  @Test func `the first record of a batch has the exact time`() {
    var clock = RecordClock()
    for round in 0..<10_000 {
      let isFirst = round % 2 == 0
      let exact = WallTime.nowMs()
      let nowMs = clock.nowMs(isFirst: isFirst)
      if isFirst { #expect(exact <= nowMs && nowMs <= WallTime.nowMs()) }
    }
  }

  @Test func `others have that of the kernel's last tick at least`() {
    var clock = RecordClock()
    _ = clock.nowMs(isFirst: true)
    // Ticks are at most 10 ms apart.
    let end = WallTime.nowMs() + 30
    while WallTime.nowMs() < end {
      let tick = WallTime.tickNs() / 1_000_000
      let nowMs = clock.nowMs(isFirst: false)
      #expect(tick <= nowMs && nowMs <= WallTime.nowMs())
    }
  }
}
