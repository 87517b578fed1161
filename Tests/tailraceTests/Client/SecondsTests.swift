import Testing

@testable import tailrace

@Suite struct SecondsTests {
  @Test(arguments: [("0", 0), ("1", 1_000), ("0.5", 500), ("0.0001", 1), ("1e3", 1_000_000)])
  func `seconds are read as milliseconds, rounded up`(text: String, ms: Int64) {
    #expect(Seconds(argument: text)?.ms == ms)
  }

  @Test(arguments: ["", "-1", "nan", "inf", "1s", "1e10", " 1"])
  func `what is no time is refused`(text: String) {
    #expect(Seconds(argument: text) == nil)
  }
}
