import Testing

@testable import TailraceBroker

@Suite struct ReloadScheduleTests {
  /// How long groups that are lost as soon as they are read have to wait each time.
  private func waits(_ count: Int, _ schedule: inout ReloadSchedule, _ nowMs: inout Int64) -> [Int64] {
    (0..<count).map { _ in
      let lostMs = nowMs
      while !schedule.begin(now: nowMs) { nowMs += 500 }
      schedule.end(now: nowMs)
      return nowMs - lostMs
    }
  }

  @Test func `groups that are lost again and again are read more and more seldom`() {
    var schedule = ReloadSchedule()
    var nowMs: Int64 = 0
    let found = waits(8, &schedule, &nowMs)
    #expect(found == [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  }

  @Test func `once all was well for a while, the next time is the first again`() {
    var schedule = ReloadSchedule()
    var nowMs: Int64 = 1_700_000_000_000
    _ = waits(8, &schedule, &nowMs)
    nowMs += 60_000
    let found = waits(3, &schedule, &nowMs)
    #expect(found == [0, 1_000, 2_000])
  }

  @Test func `while groups are read, they are not read once more`() {
    var schedule = ReloadSchedule()
    let isFirst = schedule.begin(now: 0)
    let isSecond = schedule.begin(now: 100_000)
    schedule.end(now: 100_000)
    let isEarly = schedule.begin(now: 100_999)
    let isDue = schedule.begin(now: 101_000)
    #expect([isFirst, isSecond, isEarly, isDue] == [true, false, false, true])
  }
}
