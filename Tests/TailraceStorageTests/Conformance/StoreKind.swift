import TailraceStorage
import TailraceTesting
import Testing

/// A store that the suite runs against.
enum StoreKind: CaseIterable {
  case inMemory
  case local
  /// The local one, with segments so small that every few batches begin a new one.
  case localSmallSegments

  /// The store, and what keeps its directory alive.
  func make(_ clock: ManualClock = ManualClock()) throws -> (store: any LogStore, directory: AnyObject?) {
    guard self != .inMemory else { return (InMemoryLogStore(clock: clock), nil) }
    let fixture = try LocalFixture()
    return (fixture.store, fixture.directory)
  }

  var config: LogConfig {
    LogConfig(segmentBytes: self == .localSmallSegments ? 400 : 1 << 20)
  }
}

/// Waits for another thread to bring `condition` about: yields until then, and fails after a minute.
func expectSoon(_ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
  let deadline = ContinuousClock.now + .seconds(60)
  while !condition(), ContinuousClock.now < deadline { await Task.yield() }
  #expect(condition(), sourceLocation: sourceLocation)
}
