import CTailraceWire
import Dispatch
import NIOCore
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

#if canImport(Glibc)
  /// What appends keep in memory while they wait. Counted by the allocator, so only where it counts.
  @Suite struct HeldMemoryTests {
    @Test func `appends that wait for the disk keep no records`() async throws {
      let fixture = try LocalFixture()
      let store = fixture.store
      try await store.create()
      let (gate, started) = fixture.fileSystem.holdSyncs()
      let first = store.start([try batch(["a"])])
      started.waitForOne()
      let before = trw_allocated_bytes()
      let count = 400
      var waiting: [Answers] = []
      for _ in 0..<count { waiting.append(store.start([try batch([String(repeating: "x", count: 1_000_000)])])) }
      #expect(waiting.last?.kinds == ["missing"])
      // Tests beside this one allocate much too, but for moments only: the least that is seen counts.
      var held = Int.max
      let deadline = ContinuousClock.now + .seconds(120)
      while held >= count * 500_000, ContinuousClock.now < deadline {
        held = min(held, trw_allocated_bytes() - before)
        await Task.yield()
      }
      #expect(held < count * 500_000)
      print("\(count) records of 1 MB wait for the disk: \(held) bytes held, with what tests beside this one hold")
      #expect(try store.bounds(of: partitionA).logEnd == Offset(Int64(count) + 1))
      fixture.fileSystem.letSyncsThrough()
      gate.signal()
      await expectSoon { first.kinds == ["appended 0"] && waiting.last?.kinds == ["appended \(count)"] }
    }
  }
#endif
