import CTailraceWire
import TailraceTestSupport
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
  static let known: [([UInt8], UInt32)] = [
    ([], 0),
    (Array(repeating: 0, count: 32), 0x8A91_36AA),
    (Array(repeating: 0xff, count: 32), 0x62A8_AB43),
    (Array(0..<32), 0x46DD_794E),
    ((0..<32).reversed(), 0x113F_DB5C),
    (Array("123456789".utf8), 0xE306_9283),
  ]

  @Test("gives the answers of RFC 3720 in every form", arguments: known)
  func knownAnswers(data: [UInt8], expected: UInt32) {
    #expect(trw_crc32c(0, data, data.count) == expected)
    #expect(trw_crc32c_instructions(0, data, data.count) == expected)
    #expect(trw_crc32c_portable(0, data, data.count) == expected)
  }

  @Test("the fast forms equal the portable one at every length up to 5000, at every alignment")
  func fastEqualsPortable() {
    var generator = SeededGenerator(for: "CRC32C")
    let data = generator.bytes(5_016)
    let start = UInt32.random(in: .min ... .max, using: &generator)
    data.withUnsafeBytes { raw in
      for length in 0...5_000 {
        let at = raw.baseAddress.map { $0 + length % 16 }
        let expected = trw_crc32c_portable(start, at, length)
        let areSame =
          trw_crc32c(start, at, length) == expected && trw_crc32c_instructions(start, at, length) == expected
        #expect(areSame, "length \(length)")
      }
    }
  }

  @Test("the fast forms equal the portable one where the long streams begin", arguments: [-1, 0, 1, 767, 768, 4_097])
  func longStreams(extra: Int) {
    var generator = SeededGenerator(for: "CRC32C long")
    let data = generator.bytes(3 * 4_096 + extra)
    let expected = trw_crc32c_portable(7, data, data.count)
    #expect(trw_crc32c(7, data, data.count) == expected)
    #expect(trw_crc32c_instructions(7, data, data.count) == expected)
  }

  @Test("goes on from the checksum of the part before")
  func continues() {
    var generator = SeededGenerator(for: "CRC32C parts")
    let data = generator.bytes(20_000)
    let whole = trw_crc32c(0, data, data.count)
    for cut in [0, 1, 7, 8, 767, 768, 12_288, 19_999, 20_000] {
      let first = trw_crc32c(0, data, cut)
      let rest = Array(data[cut...])
      #expect(trw_crc32c(first, rest, rest.count) == whole)
    }
  }

  @Test("names its implementation")
  func namesImplementation() {
    #expect(["vpclmulqdq", "sse4.2", "armv8", "table"].contains(String(cString: trw_crc32c_implementation())))
  }
}
