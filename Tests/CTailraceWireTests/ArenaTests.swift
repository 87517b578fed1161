import CTailraceWire
import TailraceTestSupport
import Testing

/// Owns an arena for one test.
final class Arena {
  let pointer: OpaquePointer

  init(initial: Int = 1_024, limit: Int = 1 << 20) throws { pointer = try #require(trw_arena_create(initial, limit)) }

  deinit { trw_arena_destroy(pointer) }

  var used: Int { trw_arena_used(pointer) }

  func allocate(_ size: Int) -> UnsafeMutableRawPointer? { trw_arena_allocate(pointer, size) }
}

@Suite("Arena")
struct ArenaTests {
  @Test("hands out aligned bytes that do not overlap, over chunk borders")
  func alignedAndDisjoint() throws {
    var generator = SeededGenerator(for: "Arena")
    let arena = try Arena(initial: 64)
    var blocks: [UnsafeMutableRawBufferPointer] = []
    for index in 0..<500 {
      let size = Int.random(in: 1...600, using: &generator)
      let at = try #require(arena.allocate(size))
      #expect(UInt(bitPattern: at) % 16 == 0)
      let block = UnsafeMutableRawBufferPointer(start: at, count: size)
      for position in block.indices { block[position] = UInt8(truncatingIfNeeded: index) }
      blocks.append(block)
    }
    for (index, block) in blocks.enumerated() {
      let intact = block.allSatisfy { $0 == UInt8(truncatingIfNeeded: index) }
      #expect(intact, "block \(index)")
    }
  }

  @Test("never passes its limit, and hands out all of it")
  func holdsLimit() throws {
    let arena = try Arena(initial: 16, limit: 1_000)
    #expect(trw_arena_limit(arena.pointer) == 1_000)
    #expect(arena.allocate(1_001) == nil)
    #expect(arena.allocate(.max) == nil)
    #expect(arena.allocate(976) != nil)
    #expect(arena.allocate(17) == nil)
    #expect(arena.allocate(16) != nil)
    #expect(arena.allocate(1) == nil)
    #expect(arena.used == 992)
  }

  @Test("a reset gives everything back")
  func resets() throws {
    let arena = try Arena(initial: 32, limit: 4_096)
    for _ in 0..<3 {
      #expect(arena.allocate(4_096) != nil)
      #expect(arena.allocate(1) == nil)
      trw_arena_reset(arena.pointer)
      #expect(arena.used == 0)
    }
  }

  @Test("an arena without a limit's worth of bytes refuses, and NULL can be destroyed")
  func empty() throws {
    let arena = try Arena(initial: 4_096, limit: 0)
    #expect(arena.allocate(1) == nil)
    trw_arena_destroy(nil)
  }
}
