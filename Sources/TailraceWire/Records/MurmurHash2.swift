/// The hash by which keys find their partition: murmur2 with the seed and finish of Kafka's Java client, so that keys land
/// where Kafka's users expect them.
///
/// Source: Apache Kafka, `Utils.murmur2` and `BuiltInPartitioner`.
package enum MurmurHash2 {
  /// The 32-bit hash of `bytes`.
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
    let wordCount = bytes.count / 4
    for index in 0..<wordCount {
      var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
      word &*= multiplier
      word ^= word >> 24
      word &*= multiplier
      hash = (hash &* multiplier) ^ word
    }
    let tail = bytes[(wordCount * 4)...]
    if !tail.isEmpty {
      for (index, byte) in tail.enumerated() { hash ^= UInt32(byte) << (8 * UInt32(index)) }
      hash &*= multiplier
    }
    hash ^= hash >> 13
    hash &*= multiplier
    return hash ^ (hash >> 15)
  }

  /// The partition of a key: the hash with its sign bit cleared, modulo `partitionCount`, which must be above 0.
  package static func partition(of key: UnsafeRawBufferPointer, partitionCount: UInt32) -> UInt32 {
    (hash(key) & 0x7fff_ffff) % partitionCount
  }
}
