import NIOCore
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// Valid messages of any type of the schemas, with extreme numbers, known and unknown names, and batches that are
/// nearly right.
struct ExtremeMessages {
  var random: SeededGenerator
  private let names: [String]
  private let batches: [ByteBuffer]

  /// `names`: topics that may be there.
  init(random: SeededGenerator, names: [String]) throws {
    self.random = random
    self.names = names
    batches = try [
      batch(["a"]), batch(["b", "c"], compression: .gzip), batch(["d", "e", "f"], compression: .lz4),
      batch((0..<30).map { "\($0)" }, compression: .zstd),
    ].map { try $0.encoded() }
  }

  /// A serialised message.
  mutating func message(of type: MessageDescriptor, depth: Int = 0) -> ByteBuffer {
    var bytes = ByteBuffer()
    // Of two values of one field the last one holds: a good batch with some field gone wrong.
    if type.fullName == "tailrace.v1.RecordBatch", random.below(4) > 0 {
      bytes.writeImmutableBuffer(batches[random.below(batches.count)])
      if random.below(2) == 0 { return bytes }
      let field = type.fields[random.below(type.fields.count)]
      write(field, of: type, depth, &bytes)
      return bytes
    }
    for field in type.fields where random.below(5) > 0 {
      for _ in 0..<(field.isRepeated ? [0, 1, 1, 2, 5][random.below(5)] : 1) { write(field, of: type, depth, &bytes) }
    }
    return bytes
  }

  private mutating func write(
    _ field: FieldDescriptor, of type: MessageDescriptor, _ depth: Int, _ bytes: inout ByteBuffer
  ) {
    func tag(_ wireType: UInt64) { bytes.writeVarint(UInt64(field.number) << 3 | wireType) }
    switch field.kind {
    case .double, .fixed64, .sfixed64:
      tag(1)
      bytes.writeInteger(number(64), endianness: .little)
    case .float, .fixed32, .sfixed32:
      tag(5)
      bytes.writeInteger(UInt32(truncatingIfNeeded: number(32)), endianness: .little)
    case .int64, .uint64, .sint64:
      tag(0)
      bytes.writeVarint(number(64))
    case .int32, .uint32, .sint32:
      tag(0)
      bytes.writeVarint(number(32))
    case .bool:
      tag(0)
      bytes.writeVarint(UInt64(random.below(2)))
    case .enumeration:
      tag(0)
      bytes.writeVarint(random.below(4) > 0 ? UInt64(random.below(5)) : number(64))
    case .string:
      tag(2)
      let text = string()
      bytes.writeVarint(UInt64(text.utf8.count))
      bytes.writeString(text)
    case .bytes:
      tag(2)
      let count = [0, 0, 1, 16, random.below(200)][random.below(5)]
      bytes.writeVarint(UInt64(count))
      bytes.writeBytes(random.bytes(count))
    case .message:
      guard depth < 4, let inner = type.messageType(of: field) else { return }
      let message = message(of: inner, depth: depth + 1)
      tag(2)
      bytes.writeVarint(UInt64(message.readableBytes))
      bytes.writeImmutableBuffer(message)
    case .group: return
    }
  }

  private mutating func number(_ bits: Int) -> UInt64 {
    let values: [UInt64] = [
      0, 1, 2, 3, UInt64(Int32.max), UInt64(Int32.max) + 1, UInt64(UInt32.max), UInt64(Int64.max),
      UInt64(Int64.max) + 1, UInt64.max, UInt64.max - 1, UInt64(ManualClock.startMs), 10_000, 60_000,
      random.next() >> UInt64(random.below(64)),
    ]
    let value = values[random.below(values.count)]
    return bits == 32 ? value & UInt64(UInt32.max) : value
  }

  private mutating func string() -> String {
    switch random.below(10) {
    case 0: ""
    case 1: "__metadata"
    case 2: String(repeating: "n", count: random.below(300))
    case 3: "größe \u{1F980}"
    case 4: "durability"
    default: names[random.below(names.count)]
    }
  }
}
