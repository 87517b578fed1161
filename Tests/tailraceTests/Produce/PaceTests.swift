import Testing

@testable import tailrace

@Suite struct PaceTests {
  /// How many may be sent in each of these moments.
  private func sent(_ pace: inout Pace, atMs: [Int64]) -> [Int] {
    atMs.map { now in
      var count = 0
      while pace.take(nowMs: now) { count += 1 }
      return count
    }
  }

  @Test func `they are spread evenly`() {
    var pace = Pace(perSecond: 10)
    #expect(sent(&pace, atMs: [1_000, 1_050, 1_100, 1_199, 1_200]) == [1, 0, 1, 0, 1])
    #expect(pace.nextMs == 1_300)
  }

  @Test func `faster than the clock several are due at a time`() {
    var pace = Pace(perSecond: 4_000)
    #expect(sent(&pace, atMs: [0, 1, 2, 10]) == [1, 4, 4, 32])
  }

  @Test func `after a pause there is no burst`() {
    var pace = Pace(perSecond: 100)
    #expect(sent(&pace, atMs: [0, 10, 60_000, 60_010]) == [1, 1, 11, 1])
  }

  @Test func `less than one a second is a pace, too`() {
    var pace = Pace(perSecond: 0.5)
    #expect(sent(&pace, atMs: [0, 1_999, 2_000]) == [1, 0, 1])
  }
}
