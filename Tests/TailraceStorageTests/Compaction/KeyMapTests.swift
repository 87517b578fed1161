@testable import TailraceStorage
import TailraceTestSupport
import TailraceWire
import Testing

@Suite struct KeyMapTests {
  /// The first vectors of the reference implementation: keys of 0 to 15 bytes, counted up.
  @Test(
    arguments: [
      (0, 0xA381_7F04_BA25_A8E6, 0x6DF6_7214_C755_0293), (1, 0xDA87_C1D8_6B99_AF44, 0x3476_5911_9B22_FC45),
      (2, 0x8177_228D_A4A4_5DC7, 0xFCA3_8BDE_F60A_FFE4), (8, 0x3B62_A9BA_6258_F561, 0x0F83_E264_F314_97B4),
      (15, 0x5493_E999_33B0_A811, 0x7E08_EC0F_97CF_C3D9),
    ] as [(Int, UInt64, UInt64)]) func `the hash is SipHash-2-4 of 128 bits`(
      _ count: Int, _ first: UInt64, _ second: UInt64
    )
  {
    let secret = KeyHash.Secret(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908)
    let hash = (0..<count).map { UInt8($0) }.withUnsafeBytes { KeyHash($0, secret) }
    #expect(hash == KeyHash(low: first.byteSwapped, high: second.byteSwapped))
  }

  @Test func `a map holds the latest offset of each key, whatever slots they meet in, until it is full`() throws {
    var generator = SeededGenerator(for: "KeyMapTests")
    for _ in 0..<40 {
      let map = try #require(KeyMap(byteCount: KeyMap.slotBytes * (8 + generator.below(200))))
      // A low half for the slot, few of them, so that keys meet.
      let lows = (0..<1 + generator.below(5)).map { _ in generator.next() }
      var model: [KeyHash: Offset] = [:]
      var refused = 0
      for step in 0..<1_000 {
        let key = KeyHash(low: lows[generator.below(lows.count)], high: UInt64(generator.below(400)))
        let isNoted = map.note(key, at: Offset(Int64(step)))
        #expect(isNoted == (model[key] != nil || model.count < map.capacity), "seed \(generator.seed)")
        if isNoted { model[key] = Offset(Int64(step)) } else { refused += 1 }
      }
      #expect(map.count == model.count && refused > 0)
      for low in lows {
        for high in 0..<400 {
          let key = KeyHash(low: low, high: UInt64(high))
          #expect(map.latestOffset(of: key) == model[key], "seed \(generator.seed)")
        }
      }
    }
  }

  @Test func `64 MiB hold two million keys`() throws {
    #expect(try #require(KeyMap(byteCount: 64 << 20)).capacity > 2_000_000)
    #expect(try #require(KeyMap(byteCount: 0)).capacity > 0)
  }
}
