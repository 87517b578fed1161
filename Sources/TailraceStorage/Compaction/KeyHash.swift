/// A key's fingerprint: 128 bits of SipHash-2-4 under a secret that is drawn anew for each pass of compaction.
///
/// Two keys with the same fingerprint would count as one, and the earlier one's value be lost. For a pass over `r`
/// records with `k` keys in its map the odds of that are at most `r * k / 2^128`: below 10^-19 for 10^12 records and the
/// 2 million keys that 64 MiB hold. Nobody can look for such keys, since nobody knows the secret.
///
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and its reference implementation for 128 bits.
struct KeyHash: Hashable {
  var low: UInt64
  var high: UInt64

  /// What the hash depends on beside the key.
  struct Secret {
    var first: UInt64
    var second: UInt64

    init(first: UInt64, second: UInt64) {
      self.first = first
      self.second = second
    }

    init(using generator: inout some RandomNumberGenerator) {
      self.init(first: generator.next(), second: generator.next())
    }
  }

  init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  init(_ key: UnsafeRawBufferPointer, _ secret: Secret) {
    var state = SipState(secret)
    let whole = key.count & ~7
    var at = 0
    while at < whole {
      state.absorb(UInt64(littleEndian: key.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
      at += 8
    }
    var last = UInt64(truncatingIfNeeded: key.count) << 56
    var shift: UInt64 = 0
    while at < key.count {
      last |= UInt64(key[at]) << shift
      shift += 8
      at += 1
    }
    state.absorb(last)
    (low, high) = state.finish()
  }
}

/// The four words of SipHash.
private struct SipState {
  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64

  init(_ secret: KeyHash.Secret) {
    v0 = secret.first ^ 0x736f_6d65_7073_6575
    v1 = secret.second ^ 0x646f_7261_6e64_6f6d ^ 0xEE
    v2 = secret.first ^ 0x6c79_6765_6e65_7261
    v3 = secret.second ^ 0x7465_6462_7974_6573
  }

  mutating func absorb(_ word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }

  /// Both halves of the result.
  mutating func finish() -> (low: UInt64, high: UInt64) {
    v2 ^= 0xEE
    for _ in 0..<4 { round() }
    let low = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xDD
    for _ in 0..<4 { round() }
    return (low, v0 ^ v1 ^ v2 ^ v3)
  }

  private mutating func round() {
    v0 &+= v1
    v1 = rotated(v1, 13) ^ v0
    v0 = rotated(v0, 32)
    v2 &+= v3
    v3 = rotated(v3, 16) ^ v2
    v0 &+= v3
    v3 = rotated(v3, 21) ^ v0
    v2 &+= v1
    v1 = rotated(v1, 17) ^ v2
    v2 = rotated(v2, 32)
  }

  private func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}
