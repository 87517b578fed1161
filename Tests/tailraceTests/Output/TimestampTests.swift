import Testing

@testable import tailrace

@Suite struct TimestampTests {
  @Test(arguments: [
    ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1),
    ("2000-02-29T12:34:56.789Z", 951_827_696_789), ("2026-01-31T23:59:59Z", 1_769_903_999_000),
    ("2026-01-31T23:59", 1_769_903_940_000), ("2026-01-31 23:59:59", 1_769_903_999_000),
    ("2026-02-01T00:59:59+01:00", 1_769_903_999_000), ("2026-01-31T18:29:59-0530", 1_769_903_999_000),
    ("2026-01-31t23:59:59.1239999z", 1_769_903_999_123), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ("2016-12-31T23:59:60Z", 1_483_228_800_000),
  ])
  func `a time is read as milliseconds since 1970`(text: String, ms: Int64) {
    #expect(Timestamp.parse(text) == ms)
  }

  @Test(arguments: [
    "", "2026", "2026-1-1", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29", "2026-04-31", "2026-01-00",
    "2026-01-01T", "2026-01-01T24:00", "2026-01-01T00:60", "2026-01-01T00:00:61", "2026-01-01T00:00:00.", "1969-12-31",
    "1970-01-01T00:00:00+01:00", "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:00+1", "2026-01-01T00:00:00+24:00",
    "2026-01-01Z", "２０２６-01-01", "2026-01-01T00:00:00 Z",
  ])
  func `what is no time is refused`(text: String) {
    #expect(Timestamp.parse(text) == nil)
  }

  @Test func `printing and reading are each other's inverse`() {
    var ms: Int64 = 0
    // Steps of some 100 days and odd milliseconds hit leap years and month ends of four centuries.
    while ms < 12_700_000_000_000 {
      #expect(Timestamp.parse(Timestamp.format(ms)) == ms)
      ms += 8_640_123_457
    }
  }

  @Test func `numbers that are no sensible time are printed without trapping`() {
    #expect(Timestamp.format(-1) == "1969-12-31T23:59:59.999Z")
    #expect(!Timestamp.format(.max).isEmpty)
    #expect(!Timestamp.format(.min).isEmpty)
  }
}
