import CTailraceWire
import Testing

#if canImport(Glibc)
  import Glibc

  /// The C library's allocator. What it was told shows in speed only; that it was told anything shows here.
  @Suite struct AllocatorTests {
    @Test func `what is allocated is counted, and no more once it is freed`() throws {
      let before = trw_allocated_bytes()
      let memory = try #require(malloc(64 << 20))
      #expect(trw_allocated_bytes() >= before + (32 << 20))
      free(memory)
      #expect(trw_allocated_bytes() <= before + (32 << 20))
    }
  }
#endif
