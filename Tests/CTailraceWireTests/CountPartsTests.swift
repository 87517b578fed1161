import CTailraceWire
import Testing

/// How many parts a message has, told without unpacking it.
@Suite struct CountPartsTests {
  private func count(_ bytes: [UInt8], field: UInt32 = 2, inner: [UInt32] = [], most: Int = 1_000) -> Int {
    bytes.withUnsafeBufferPointer {
      trw_count_parts($0.baseAddress, $0.count, field, inner.reduce(0) { $0 | 1 << $1 }, most)
    }
  }

  /// A part that holds so many fields 4, and 5, and one of another number.
  private func part(_ fours: Int, _ fives: Int) -> [UInt8] {
    let fields =
      [[UInt8]](repeating: Proto.bytes(4, [1, 2]), count: fours) + [Proto.bytes(6, [9])]
      + [[UInt8]](repeating: Proto.bytes(5, []), count: fives)
    return Proto.bytes(2, fields.flatMap(\.self))
  }

  @Test func `parts are counted among other fields, wherever they stand`() {
    #expect(count([]) == 0)
    #expect(count(Proto.number(1, 3)) == 0)
    #expect(count(Proto.bytes(2, []) + Proto.number(1, 3) + Proto.bytes(3, [1]) + Proto.bytes(2, [0xFF])) == 2)
    // Of another wire type it is another field.
    #expect(count(Proto.number(2, 1) + Proto.fixed64(2, 1)) == 0)
  }

  @Test func `of inner parts those asked for are counted too, those further in are not`() {
    let message = part(3, 0) + Proto.number(1, 1) + part(0, 2) + part(0, 0)
    #expect(count(message) == 3)
    #expect(count(message, inner: [4]) == 6)
    #expect(count(message, inner: [4, 5]) == 8)
    #expect(count(Proto.bytes(2, Proto.bytes(4, Proto.bytes(4, []))), inner: [4]) == 2)
    // At the top, inner fields are no parts.
    #expect(count(Proto.bytes(4, []), inner: [4]) == 0)
  }

  @Test func `numbers from 32 on are not taken for those below`() {
    #expect(count(Proto.bytes(34, []) + Proto.bytes(2 + 64, [])) == 0)
    #expect(count(Proto.bytes(2, Proto.bytes(36, []) + Proto.bytes(37, [])), inner: [4, 5]) == 1)
    #expect(count(Proto.bytes(31, Proto.bytes(31, [])), field: 31, inner: [31]) == 2)
  }

  @Test(arguments: [0, 1, 5, 99]) func `counting ends soon after the bound`(most: Int) {
    let flat = [[UInt8]](repeating: Proto.bytes(2, []), count: 100).flatMap(\.self)
    #expect(count(flat, most: most) == most + 1)
    let nested = (0..<20).flatMap { _ in part(4, 4) }
    let counted = count(nested, inner: [4, 5], most: most)
    #expect(counted > most && counted <= most + 2)
    let deep = part(1_000, 0)
    let inOne = count(deep, inner: [4], most: most)
    #expect(inOne > most && inOne <= most + 2)
  }

  @Test func `just as many parts as the bound are not more`() {
    let nested = (0..<10).flatMap { _ in part(2, 1) }
    #expect(count(nested, inner: [4, 5], most: 40) == 40)
    #expect(count(nested, inner: [4, 5], most: 39) > 39)
  }

  @Test func `of what is malformed the parts before that are counted`() {
    let good = part(1, 0)
    #expect(count(good + [0x12, 0x05, 0x41], inner: [4]) == 2)
    for broken in [[0x00, 0x00], [0x0B], [0x80], [0x12, 0xFF], [0x0E], [0x08]] as [[UInt8]] {
      #expect(count(good + broken, inner: [4]) == 2, "\(broken)")
    }
    #expect(count(Proto.bytes(2, Proto.bytes(4, []) + [0xFF, 0xFF]) + good, inner: [4]) == 4)
    for length in 0..<good.count { #expect(count(Array(good.prefix(length)), inner: [4]) == 0) }
  }
}
