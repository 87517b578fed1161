import Testing

@testable import tailrace

@Suite struct StartPositionTests {
  @Test(arguments: [
    ("beginning", StartPosition.beginning), ("end", .end), ("0", .offset(0)), ("2026", .offset(2026)),
    ("9223372036854775807", .offset(.max)), ("1970-01-01T00:00:01Z", .timestamp(1_000)),
    ("1970-01-02", .timestamp(86_400_000)),
  ])
  func `positions are read`(text: String, position: StartPosition) {
    #expect(StartPosition(argument: text) == position)
  }

  @Test(arguments: ["", "Beginning", "-1", "+1", "1.5", "9223372036854775808", "yesterday", "2026-13-01"])
  func `what is no position is refused`(text: String) {
    #expect(StartPosition(argument: text) == nil)
  }

  @Test(arguments: [
    ("-5m", 300_000), ("-1s", 1_000), ("-250ms", 250), ("-1.5h", 5_400_000), ("-2d", 172_800_000), ("-1w", 604_800_000),
  ])
  func `a time before now has a unit`(text: String, ms: Int64) {
    #expect(RelativeTime.parse(text, nowMs: 10_000_000_000) == 10_000_000_000 - ms)
  }

  @Test func `nothing is before 1970`() {
    #expect(RelativeTime.parse("-9w", nowMs: 5) == 0)
  }

  @Test(arguments: ["5m", "-5", "-m", "-5x", "-5 m", "--5m", "-inf s", "-1e3s", "-1..2s", "-9999999999999999999w", "-"])
  func `what is no such time is refused`(text: String) {
    #expect(RelativeTime.parse(text, nowMs: 10) == nil)
  }

  @Test(arguments: [("last 100", 100), ("last:1", 1)] as [(String, Int64)])
  func `the last so many records are counted from the end`(text: String, count: Int64) {
    #expect(RangeStart(argument: text) == .last(count))
    #expect(RangeStart(argument: "17") == .position(.offset(17)))
  }

  @Test(arguments: ["last", "last ", "last 0", "last -1", "last100", "last  5", "last x"])
  func `other words are no place to begin`(text: String) {
    #expect(RangeStart(argument: text) == nil)
  }
}
