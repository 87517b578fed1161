import Testing

@testable import TailraceClient

/// The time that records are given.
@Suite struct RecordClockTests {
  @Test func `the first record of a batch has the exact time, others that of the kernel's last tick at least`() {
    var clock = RecordClock()
    for round in 0..<10_000 {
      let isFirst = round % 100 == 0
      let (exact, tick) = (WallTime.nowMs(), WallTime.tickNs() / 1_000_000)
      let nowMs = clock.nowMs(isFirst: isFirst)
      #expect((isFirst ? exact : tick) <= nowMs && nowMs <= WallTime.nowMs())
    }
  }
}
