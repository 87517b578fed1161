import CTailraceWire
import TailraceTestSupport
import Testing

@Suite("Walk over records")
struct RecordWalkTests {
  static func record(_ fields: [UInt8]...) -> [UInt8] { Proto.bytes(1, fields.flatMap { $0 }) }

  static func header(_ key: [UInt8], _ value: [UInt8]? = nil) -> [UInt8] {
    Proto.bytes(3, Proto.bytes(1, key) + (value.map { Proto.bytes(2, $0) } ?? []))
  }

  static let key = Proto.string(1, "key")
  static let value = Proto.string(2, "value")

  static func timestamp(_ delta: Int64) -> [UInt8] { Proto.number(4, Proto.zigzag(delta)) }

  static func offset(_ delta: UInt64) -> [UInt8] { Proto.number(5, delta) }

  func walk(_ bytes: [UInt8], maxHeaders: UInt32 = 2) -> (trw_record_status, trw_record_summary) {
    bytes.withUnsafeBufferPointer { buffer in
      var summary = trw_record_summary()
      let status = trw_walk_records(buffer.baseAddress, buffer.count, maxHeaders, .max, &summary)
      return (status, summary)
    }
  }

  @Test("an empty set is well-formed and has no record")
  func emptySet() {
    let (status, summary) = walk([])
    #expect(status == TRW_RECORD_OK)
    #expect(summary.count == 0)
    #expect(summary.min_timestamp_delta_ms == 0 && summary.max_timestamp_delta_ms == 0)
    #expect(summary.every_delta_is_position && summary.every_record_has_key)
  }

  @Test("sums up keys, positions and timestamps")
  func sumsUp() {
    let (status, summary) = walk(
      Self.record(Self.key, Self.value, Self.timestamp(7)) + Self.record(Self.timestamp(-5), Self.offset(1), Self.key)
        + Self.record(Self.key))
    #expect(status == TRW_RECORD_OK)
    #expect(summary.count == 3)
    #expect(summary.last_offset_delta == 2)
    #expect(summary.min_timestamp_delta_ms == -5 && summary.max_timestamp_delta_ms == 7)
    #expect(summary.every_delta_is_position && summary.every_record_has_key)
  }

  @Test("the extremes of a timestamp survive")
  func extremeTimestamps() {
    let (status, summary) = walk(Self.record(Self.timestamp(.min)) + Self.record(Self.timestamp(.max)))
    #expect(status == TRW_RECORD_OK)
    #expect(summary.min_timestamp_delta_ms == .min && summary.max_timestamp_delta_ms == .max)
  }

  @Test("notices a record without a key, and takes an empty key for a key")
  func noticesMissingKey() {
    #expect(walk(Self.record(Proto.bytes(1, []))).1.every_record_has_key)
    #expect(!walk(Self.record(Self.key) + Self.record(Self.value)).1.every_record_has_key)
  }

  @Test("gaps in offsets are followed, and absent deltas go on after them")
  func followsGaps() {
    let (status, summary) = walk(Self.record(Self.offset(3)) + Self.record() + Self.record(Self.offset(9)))
    #expect(status == TRW_RECORD_OK)
    #expect(summary.last_offset_delta == 9)
    #expect(!summary.every_delta_is_position)
  }

  static let malformed: [[UInt8]] = [
    [0x0A], [0x0A, 0x01], [0x12, 0x00], [0x8A, 0x00, 0x00], [0x08, 0x01], [0x00],
    record(key, key), record(value, value), record(timestamp(1), timestamp(1)), record(offset(0), offset(0)),
    record(Proto.string(6, "unknown")), record(Proto.number(1, 1)), record(Proto.fixed64(4, 1)),
    record(offset(1 << 32)), record(Proto.bytes(3, Proto.string(3, "unknown"))),
    record(Proto.bytes(3, Proto.string(1, "a") + Proto.string(1, "b"))),
    record(Proto.bytes(3, Proto.string(2, "a") + Proto.string(2, "b"))),
    record(Proto.bytes(3, [0x0A, 0x05, 0x41])), record([0x0A, 0x7F]),
    record([0x20] + Array(repeating: 0x80, count: 10)),
  ]

  @Test("what has no single reading is malformed, and the fault is located", arguments: malformed)
  func refusesMalformed(faulty: [UInt8]) {
    let (status, summary) = walk(Self.record(Self.key) + Self.record(Self.key) + faulty)
    #expect(status == TRW_RECORD_MALFORMED)
    #expect(summary.count == 2)
  }

  @Test("more headers than allowed are refused")
  func countsHeaders() {
    let two = Self.header([0x61]) + Self.header([0x61])
    #expect(walk(Self.record(two)).0 == TRW_RECORD_OK)
    #expect(walk(Self.record(two, Self.key, Self.header([0x61]))).0 == TRW_RECORD_TOO_MANY_HEADERS)
    #expect(walk(Self.record(Self.header([0x61])), maxHeaders: 0).0 == TRW_RECORD_TOO_MANY_HEADERS)
  }

  @Test("header keys are text without NUL", arguments: [[0xFF], [0x61, 0x00], [0xC0, 0x80]] as [[UInt8]])
  func checksHeaderKeys(key: [UInt8]) {
    #expect(walk(Self.record(Self.header(key))).0 == TRW_RECORD_INVALID_HEADER_KEY)
    #expect(walk(Self.record(Self.header([], key))).0 == TRW_RECORD_OK)
  }

  @Test("offset deltas must grow and end at 2^32 - 1")
  func checksOffsets() {
    let last = UInt64(UInt32.max)
    #expect(walk(Self.record() + Self.record(Self.offset(0))).0 == TRW_RECORD_OFFSET_DELTA)
    #expect(walk(Self.record(Self.offset(4)) + Self.record(Self.offset(3))).0 == TRW_RECORD_OFFSET_DELTA)
    #expect(walk(Self.record(Self.offset(last))).1.last_offset_delta == .max)
    #expect(walk(Self.record(Self.offset(last)) + Self.record()).0 == TRW_RECORD_OFFSET_DELTA)
    #expect(walk(Self.record(Self.offset(last)) + Self.record(Self.offset(0))).0 == TRW_RECORD_OFFSET_DELTA)
  }

  @Test("a set cut inside a record is malformed")
  func refusesTruncated() {
    let first = Self.record(Self.key, Self.value, Self.header([0x61], [1, 2]), Self.timestamp(300), Self.offset(0))
    let set = first + first.dropLast(2) + Self.offset(1)
    #expect(walk(set).0 == TRW_RECORD_OK)
    for length in 0..<set.count {
      let expected = length == 0 || length == first.count ? TRW_RECORD_OK : TRW_RECORD_MALFORMED
      #expect(walk(Array(set.prefix(length))).0 == expected, "length \(length)")
    }
  }

  @Test("the cursor gives each record's parts, and its headers wherever they stand")
  func cursorGivesParts() {
    let set = Self.record(
      Self.header([0x61], [1]), Self.timestamp(3), Proto.bytes(2, []), Self.header([0x62]), Self.key, Self.offset(5))
    set.withUnsafeBufferPointer { buffer in
      var cursor = trw_record_cursor_make(buffer.baseAddress, buffer.count)
      var record = trw_record()
      #expect(trw_next_record(&cursor, 2, &record) == TRW_RECORD_OK)
      #expect(record.key_length == 3 && record.key != nil)
      #expect(record.value_length == 0 && record.value != nil)
      #expect(record.timestamp_delta_ms == 3 && record.offset_delta == 5 && record.has_offset_delta)
      #expect(record.header_count == 2)
      var header = trw_header()
      #expect(trw_next_header(&record, &header))
      #expect(header.key.pointee == 0x61 && header.value?.pointee == 1 && header.value_length == 1)
      #expect(trw_next_header(&record, &header))
      #expect(header.key.pointee == 0x62 && header.value == nil)
      #expect(!trw_next_header(&record, &header))
      #expect(!trw_next_header(&record, &header))
      #expect(trw_next_record(&cursor, 2, &record) == TRW_RECORD_END)
    }
  }

  @Test("random bytes never lead the cursor out of the set")
  func survivesRandomBytes() {
    var generator = SeededGenerator(for: "Records")
    let start = Self.record(Self.key, Self.value, Self.header([0x61], [1, 2]), Self.timestamp(3), Self.offset(0))
    for _ in 0..<20_000 {
      var bytes = start
      bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: .min ... .max, using: &generator)
      let (status, summary) = walk(bytes)
      #expect(status == TRW_RECORD_OK ? summary.count >= 1 : summary.count <= 1)
    }
  }
}
