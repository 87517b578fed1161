import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Records by their time, in any `LogStore`.
@Suite struct TimeConformanceTests {
  @Test(arguments: StoreKind.allCases) func `the first record at or after a time is found though clocks jump`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    let times: [Int64] = [1_000, 5_000, 2_000, 2_000, 9_000, 3_000, 10_000]
    for time in times { try await store.append(["x"], timestampMs: time) }
    for time in [Int64(-5), 0, 1_000, 1_001, 2_000, 5_000, 5_001, 9_000, 9_001, 10_000, 10_001, .max, .min] {
      let expected = times.firstIndex { $0 >= time }.map {
        TimestampedOffset(offset: Offset(Int64($0)), timestampMs: times[$0])
      }
      #expect(try await store.firstOffset(atOrAfter: time) == expected, "time \(time)")
    }
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `append times never go back and are read where configured`(
    _ kind: StoreKind
  ) async throws {
    let clock = ManualClock(nowMs: 50_000)
    let fixture = kind == .inMemory ? nil : try LocalFixture()
    let store: any LogStore = fixture?.store ?? InMemoryLogStore(clock: clock)
    let moved = fixture?.clock ?? clock
    moved.set(toMs: 50_000)
    var config = kind.config
    config.hasAppendTimestamps = true
    try await store.create(config: config)
    try await store.append(["a"])
    moved.advance(byMs: -20_000)
    try await store.append(["b"])
    moved.advance(byMs: 30_000)
    try await store.append(["c"])
    #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.timestampMs) == [50_000, 50_000, 60_000])
    #expect(try await store.firstOffset(atOrAfter: 50_001)?.offset == Offset(2))
  }
}
