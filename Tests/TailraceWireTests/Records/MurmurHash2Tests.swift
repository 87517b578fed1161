import TailraceWire
import Testing

@Suite struct MurmurHash2Tests {
  /// Source: Apache Kafka, `UtilsTest.testMurmur2`.
  private let known: [(text: String, hash: Int32)] = [
    ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
  ]

  @Test func `hashes are those of Kafka's clients`() {
    for (text, hash) in known {
      let found = Array(text.utf8).withUnsafeBytes { MurmurHash2.hash($0) }
      #expect(Int32(bitPattern: found) == hash, "\(text)")
    }
  }

  @Test func `nothing has a hash too`() {
    #expect(MurmurHash2.hash(UnsafeRawBufferPointer(start: nil, count: 0)) == 275_646_681)
  }

  @Test func `a hash does not depend on where the bytes stand`() {
    for (text, hash) in known {
      for shift in 1...7 {
        let bytes = [UInt8](repeating: 0xAA, count: shift) + Array(text.utf8)
        let found = bytes.withUnsafeBytes { MurmurHash2.hash(UnsafeRawBufferPointer(rebasing: $0[shift...])) }
        #expect(Int32(bitPattern: found) == hash)
      }
    }
  }

  @Test func `the partition is the hash without its sign, modulo their number`() {
    for (text, hash) in known {
      for count in [1, 2, 7, 10_000, UInt32.max] {
        let partition = Array(text.utf8).withUnsafeBytes { MurmurHash2.partition(of: $0, partitionCount: count) }
        #expect(partition == UInt32(hash & Int32.max) % count)
      }
    }
  }
}
