import CTailraceWire
import Testing

/// Bytes of a ProduceRequest: targets (2) with topic (1), topic_id (2), partition (3), records (4), batches (5);
/// batches with base_offset (2, sfixed64), producer_id (10, sfixed64), records (17, bytes).
enum Produce {
  static func request(_ targets: [UInt8]...) -> [UInt8] { targets.flatMap { Proto.bytes(2, $0) } }

  static func target(_ topic: String, _ batches: [UInt8]...) -> [UInt8] {
    Proto.string(1, topic) + batches.flatMap { Proto.bytes(5, $0) }
  }

  static func batch(_ producer: UInt64, _ records: [UInt8]?) -> [UInt8] {
    Proto.fixed64(10, producer) + (records.map { Proto.bytes(17, $0) } ?? [])
  }
}

/// What a refused unpack says.
struct Refusal: Equatable {
  var status: trw_status
  var offset: Int
  var path: String

  init(_ status: trw_status, _ offset: Int, _ path: String) {
    self.status = status
    self.offset = offset
    self.path = path
  }

  init(_ error: trw_unpack_error) {
    status = error.status
    offset = error.offset
    path = withUnsafeBytes(of: error.path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension trw_unpack_limits {
  static let generous = Self(max_bytes: 1 << 20, max_depth: 16)
}

/// Unpacks a ProduceRequest in a fresh arena and hands it to `body`, or the refusal.
func withProduceRequest(
  _ bytes: [UInt8], limits: trw_unpack_limits = .generous, arena: Arena? = nil,
  _ body: (UnsafeMutablePointer<Tailrace__V1__ProduceRequest>?, Refusal) throws -> Void
) throws {
  let arena = try arena ?? Arena()
  var error = trw_unpack_error()
  var limits = limits
  let descriptor = trw_descriptor_of_tailrace__v1__produce_request()
  let message = trw_unpack(descriptor, arena.pointer, bytes, bytes.count, &limits, &error)
  let request = message.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: Tailrace__V1__ProduceRequest.self) }
  try body(request, Refusal(error))
  withExtendedLifetime(arena) {}
}

@Suite("Guarded unpack")
struct UnpackTests {
  func refusal(_ bytes: [UInt8], limits: trw_unpack_limits = .generous, arena: Arena? = nil) throws -> Refusal {
    var found = Refusal(TRW_OK, 0, "")
    try withProduceRequest(bytes, limits: limits, arena: arena) { request, refusal in
      #expect((request == nil) == (refusal.status != TRW_OK))
      found = refusal
    }
    return found
  }

  @Test("unpacks nested messages, and skips unknown fields")
  func unpacks() throws {
    let bytes = Produce.request(
      Produce.target("first", Produce.batch(7, [1, 2, 3])) + Proto.string(99, "unknown"),
      Produce.target("second") + Proto.number(3, 4))
    try withProduceRequest(bytes) { request, _ in
      let request = try #require(request).pointee
      #expect(request.n_targets == 2)
      let first = try #require(request.targets[0]).pointee
      #expect(String(cString: first.topic) == "first")
      #expect(first._partition_case == TAILRACE__V1__PRODUCE_TARGET___PARTITION__NOT_SET)
      let batch = try #require(first.batches[0]).pointee
      #expect(batch.producer_id == 7)
      #expect(Array(UnsafeBufferPointer(start: batch.records.data, count: batch.records.len)) == [1, 2, 3])
      let second = try #require(request.targets[1]).pointee
      #expect(second._partition_case == TAILRACE__V1__PRODUCE_TARGET___PARTITION_PARTITION)
      #expect(second.partition == 4)
    }
  }

  @Test("an empty input is an empty message")
  func unpacksNothing() throws {
    try withProduceRequest([]) { request, _ in
      let unpacked = try #require(request).pointee
      #expect(unpacked.n_targets == 0)
    }
  }

  @Test("a value that does not fit the schema is reported with its path")
  func reportsPath() throws {
    let faulty = Proto.number(10, 1)  // producer_id is fixed64
    let before = Produce.request(Produce.target("a"))
    let batches = Proto.string(1, "b") + Proto.bytes(5, Produce.batch(1, nil)) + Proto.bytes(5, faulty)
    let bytes = before + Proto.bytes(2, batches)
    #expect(try refusal(bytes) == Refusal(TRW_MALFORMED, bytes.count - 2, "targets[1].batches[1].producer_id"))
  }

  @Test("strings are UTF-8 without NUL; the offset is that of the byte at fault")
  func checksStrings() throws {
    let invalid = Proto.bytes(2, Proto.bytes(1, [0x61, 0x62, 0xFF]))
    #expect(try refusal(invalid) == Refusal(TRW_INVALID_UTF8, 6, "targets[0].topic"))
    let nul = Proto.bytes(2, Proto.bytes(1, [0x61, 0x00, 0x62]))
    #expect(try refusal(nul) == Refusal(TRW_NUL_IN_STRING, 5, "targets[0].topic"))
    let inBytes = Proto.bytes(2, Proto.bytes(2, [0x61, 0x00, 0xFF]))
    #expect(try refusal(inBytes).status == TRW_OK)
  }

  static let broken: [[UInt8]] = [
    [0x00, 0x00], [0x80, 0x00, 0x00], [0x13], [0x14], [0x16], [0x17], [0x12], [0x12, 0x01], [0x12, 0x80],
    [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], [0x12, 0x02, 0x0A, 0x05],
    [0x08] + Array(repeating: 0x80, count: 10) + [0x00], [0x08] + Array(repeating: 0xFF, count: 9) + [0x02],
    [0x0A, 0x00], [0x10, 0x01], [0x9D, 0x06, 0x00], [0x99, 0x06, 0x00], [0x9A, 0x06, 0x05],
  ]

  @Test("what is not well-formed is refused before protobuf-c sees it", arguments: broken)
  func refusesMalformed(bytes: [UInt8]) throws {
    #expect(try refusal(bytes).status == TRW_MALFORMED)
  }

  @Test("inputs above the limit are refused")
  func holdsMaxBytes() throws {
    let bytes = Produce.request(Produce.target("topic"))
    let exact = trw_unpack_limits(max_bytes: bytes.count, max_depth: 2)
    #expect(try refusal(bytes, limits: exact).status == TRW_OK)
    let less = trw_unpack_limits(max_bytes: bytes.count - 1, max_depth: 2)
    #expect(try refusal(bytes, limits: less).status == TRW_TOO_LARGE)
  }

  @Test("nesting above the limit is refused")
  func holdsMaxDepth() throws {
    let bytes = Produce.request(Produce.target("t", Produce.batch(1, nil)))
    #expect(try refusal(bytes, limits: .init(max_bytes: 100, max_depth: 2)).status == TRW_OK)
    let expected = Refusal(TRW_TOO_DEEP, 5, "targets[0].batches[0]")
    #expect(try refusal(bytes, limits: .init(max_bytes: 100, max_depth: 1)) == expected)
  }

  @Test("millions of tiny messages are refused before memory is taken for them")
  func refusesTinyMessages() throws {
    let bytes = (0..<500_000).flatMap { _ in [0x12, 0x00] as [UInt8] }
    let arena = try Arena(limit: 1 << 20)
    #expect(try refusal(bytes, arena: arena).status == TRW_TOO_LARGE)
    #expect(arena.used == 0)
  }

  @Test("an arena of exactly the bytes needed suffices, one of 16 fewer does not")
  func needsWhatItTakes() throws {
    let bytes = Produce.request(Produce.target("topic", Produce.batch(1, [1, 2, 3])))
    let roomy = try Arena()
    #expect(try refusal(bytes, arena: roomy).status == TRW_OK)
    #expect(try refusal(bytes, arena: Arena(limit: roomy.used)).status == TRW_OK)
    #expect(try refusal(bytes, arena: Arena(limit: roomy.used - 16)).status == TRW_TOO_LARGE)
  }

  @Test("a message field that is not repeated must not occur twice")
  func refusesMerge() throws {
    let bytes = Proto.number(1, 1) + Proto.bytes(2, Proto.number(1, 5)) + Proto.bytes(2, Proto.number(2, 6))
    let arena = try Arena()
    var error = trw_unpack_error()
    var limits = trw_unpack_limits.generous
    let descriptor = trw_descriptor_of_tailrace__v1__response_header()
    #expect(trw_unpack(descriptor, arena.pointer, bytes, bytes.count, &limits, &error) == nil)
    #expect(Refusal(error) == Refusal(TRW_MALFORMED, 6, "status"))
  }

  @Test("a request cut at any byte is unpacked or refused, never more")
  func survivesTruncation() throws {
    let bytes = Produce.request(Produce.target("a", Produce.batch(1, [1])), Produce.target("b"))
    let border = Produce.request(Produce.target("a", Produce.batch(1, [1]))).count
    for length in 0...bytes.count {
      let expected = [0, border, bytes.count].contains(length) ? TRW_OK : TRW_MALFORMED
      #expect(try refusal(Array(bytes.prefix(length))).status == expected, "length \(length)")
    }
  }
}
