import Testing

@testable import tailrace

@Suite struct QuantityTests {
  @Test(
    arguments: [
      (0, "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (1_536, "1.5 KiB"), (100 << 10, "100 KiB"), (5 << 30, "5 GiB"),
      (.max, "16 EiB"),
    ] as [(UInt64, String)])
  func `bytes have a unit of 1024s`(count: UInt64, text: String) { #expect(Quantity.bytes(count) == text) }

  @Test(
    arguments: [
      (0, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (61_500, "1 min 1 s"), (3_600_000, "1 h"), (90_000_000, "1 d 1 h"),
    ] as [(UInt64, String)])
  func `durations have their two largest units`(ms: UInt64, text: String) {
    #expect(Quantity.duration(ms: ms) == text)
  }

  @Test func `latencies have two decimals`() {
    #expect(Quantity.latency(.microseconds(415)) == "0.42 ms")
    #expect(Quantity.latency(.milliseconds(1_005)) == "1.01 s" || Quantity.latency(.milliseconds(1_005)) == "1.00 s")
    #expect(Quantity.latency(.zero) == "0.00 ms")
  }
}
