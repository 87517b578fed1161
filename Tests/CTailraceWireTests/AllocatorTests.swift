import CTailraceWire
import Testing

#if canImport(Glibc)
  import Glibc

  /// The C library's allocator. What it was told shows in speed only; that it was told anything shows here.
  @Suite struct AllocatorTests {
    @Test func `what is allocated is counted, and no more once it is freed`() throws {
      // More than all tests beside this one have at a time.
      let byteCount = 4 << 30
      let before = trw_allocated_bytes()
      let memory = try #require(malloc(byteCount))
      #expect(trw_allocated_bytes() >= before + byteCount / 2)
      free(memory)
      #expect(trw_allocated_bytes() <= before + byteCount / 2)
    }
  }
#endif
