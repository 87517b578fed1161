import CTailraceWire
import Testing

@Suite("Scan of a request header")
struct RequestHeaderScanTests {
  /// The result together with the method, which points into `bytes`.
  func scan(_ bytes: [UInt8]) -> (trw_status, trw_request_header, String?) {
    bytes.withUnsafeBufferPointer { buffer in
      var header = trw_request_header()
      let status = trw_scan_request_header(buffer.baseAddress, buffer.count, &header)
      let method = header.method.map {
        String(decoding: UnsafeBufferPointer(start: $0, count: header.method_length), as: UTF8.self)
      }
      return (status, header, method)
    }
  }

  static let full =
    Proto.number(1, 0xFFFF_FFFF_FFFF_FFFF) + Proto.string(2, "tailrace.v1.LogService/Produce") + Proto.number(3, 1_500)
    + Proto.bytes(4, Proto.string(1, "k") + Proto.string(2, "v")) + Proto.number(5, 1) + Proto.number(6, 65_536)

  @Test("reads every field")
  func readsAll() {
    let (status, header, method) = scan(Self.full)
    #expect(status == TRW_OK)
    #expect(header.call_id == .max)
    #expect(method == "tailrace.v1.LogService/Produce")
    #expect(header.timeout_ms == 1_500)
    #expect(header.metadata_count == 1)
    #expect(header.cancel)
    #expect(header.credit == 65_536)
  }

  @Test("an empty header is all zero")
  func readsEmpty() {
    let (status, header, method) = scan([])
    #expect(status == TRW_OK)
    #expect(header.call_id == 0 && header.timeout_ms == 0 && header.credit == 0)
    #expect(header.metadata_count == 0 && !header.cancel)
    #expect(method == nil)
  }

  @Test("the last occurrence of a field counts, and unknown fields are skipped")
  func lastWins() {
    let (status, header, _) = scan(
      Proto.number(1, 1) + Proto.bytes(99, [1, 2, 3]) + Proto.fixed64(100, 5) + Proto.number(1, 2))
    #expect(status == TRW_OK)
    #expect(header.call_id == 2)
  }

  @Test("a header cut anywhere inside a field is refused")
  func refusesTruncated() {
    let borders = [0, 11, 43, 46, 54, 56, 60]
    for length in 0...Self.full.count {
      let (status, _, _) = scan(Array(Self.full.prefix(length)))
      #expect((status == TRW_OK) == borders.contains(length), "length \(length)")
    }
  }

  static let broken: [[UInt8]] = [
    [0x00, 0x00],  // field 0
    [0x80, 0x00, 0x00],  // field 0, padded
    [0x0B], [0x0C], [0x0E], [0x0F],  // groups and wire types that do not exist
    [0x0A, 0x00],  // call_id as bytes
    [0x10, 0x01],  // method as a number
    [0x12, 0x05, 0x41],  // longer than the input
    [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
    [0x08] + Array(repeating: 0xFF, count: 10) + [0x01],  // eleven bytes
    [0x08] + Array(repeating: 0xFF, count: 9) + [0x02],  // 65 bits
    [0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0x00],  // a tag of more than 32 bits
  ]

  @Test("malformed headers are refused", arguments: broken)
  func refusesMalformed(bytes: [UInt8]) {
    #expect(scan(bytes).0 == TRW_MALFORMED)
  }
}
