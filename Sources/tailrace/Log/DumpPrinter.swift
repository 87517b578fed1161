import NIOCore
import TailraceStorage
import TailraceWire

/// Prints batches, records and damage, in either format, a line each.
struct DumpPrinter {
  let format: RecordFormat
  private var json = JSONWriter()

  init(format: RecordFormat) { self.format = format }

  mutating func print(_ batch: SegmentWalker.Batch, to output: inout StandardOutput) {
    switch format {
    case .text: line(Self.text(batch), to: &output)
    case .json: object(to: &output) { Self.write(batch, to: &$0) }
    }
  }

  mutating func print(_ record: StoredRecord, to output: inout StandardOutput) {
    switch format {
    case .text: line(Self.text(record), to: &output)
    case .json:
      object(to: &output) { json in
        json.name("type")
        json.string("record")
        json.members(of: record)
      }
    }
  }

  /// `end`: the first position that is no part of it.
  mutating func printDamage(at position: Int, end: Int, _ reason: String, to output: inout StandardOutput) {
    switch format {
    case .text: line("damaged from \(position) to \(end): \(reason)", to: &output)
    case .json:
      object(to: &output) { json in
        json.name("type")
        json.string("damage")
        json.number("position", position)
        json.number("end", end)
        json.name("reason")
        json.string(reason)
      }
    }
  }

  private func line(_ text: String, to output: inout StandardOutput) { output.append((text + "\n").utf8) }

  private mutating func object(to output: inout StandardOutput, _ body: (inout JSONWriter) -> Void) {
    json.removeAll()
    json.beginObject()
    body(&json)
    json.endObject()
    json.endLine()
    output.append(json.bytes)
  }

  // MARK: - Batches

  private static func text(_ batch: SegmentWalker.Batch) -> String {
    let header = batch.header
    var text =
      "batch at \(batch.position): offsets \(header.baseOffset) to \(header.lastOffset ?? header.baseOffset),"
      + " \(header.recordCount) records, \(codec(header)),"
      + " \(Timestamp.format(header.baseTimestampMs)) to \(Timestamp.format(header.maxTimestampMs)),"
      + " appended \(Timestamp.format(header.appendTimestampMs)), epoch \(header.partitionEpoch),"
      + " durable end \(header.durableEnd)"
    if header.producerID != 0 {
      text += ", producer \(header.producerID) epoch \(header.producerEpoch) sequence \(header.baseSequence)"
    }
    return text + ", \(header.batchByteCount) bytes, \(batch.hasIntactRecords ? "ok" : "checksum wrong")"
  }

  private static func write(_ batch: SegmentWalker.Batch, to json: inout JSONWriter) {
    let header = batch.header
    json.name("type")
    json.string("batch")
    json.number("position", batch.position)
    json.number("bytes", header.batchByteCount)
    json.number("base_offset", header.baseOffset.rawValue)
    json.number("last_offset", (header.lastOffset ?? header.baseOffset).rawValue)
    json.number("record_count", header.recordCount)
    json.name("compression")
    json.string(codec(header))
    json.name("has_append_timestamps")
    json.bool(header.attributes.hasAppendTimestamps)
    json.number("base_timestamp_ms", header.baseTimestampMs)
    json.number("max_timestamp_ms", header.maxTimestampMs)
    json.number("append_timestamp_ms", header.appendTimestampMs)
    json.number("partition_epoch", header.partitionEpoch)
    json.number("durable_end", header.durableEnd.rawValue)
    json.number("producer_id", header.producerID)
    json.number("producer_epoch", header.producerEpoch)
    json.number("base_sequence", header.baseSequence)
    json.number("records_crc32c", header.recordsCRC32C)
    json.name("has_intact_records")
    json.bool(batch.hasIntactRecords)
  }

  private static func codec(_ header: RecordBatchHeader) -> String {
    header.attributes.compression.map { "\($0)" } ?? "unknown codec"
  }

  // MARK: - Records

  private static func text(_ record: StoredRecord) -> String {
    var text = "  \(record.offset) \(Timestamp.format(record.timestampMs)) key \(quoted(record.key))"
    text += " value \(quoted(record.value))"
    for header in record.headers { text += " \(quoted(ByteBuffer(string: header.key)))=\(quoted(header.value))" }
    return text
  }

  /// The bytes in quotes, or `-` where they are absent. What is not a printable character of UTF-8 is `\xNN`.
  static func quoted(_ bytes: ByteBuffer?) -> String {
    guard let bytes else { return "-" }
    var text = "\""
    var decoder = UTF8()
    var rest = bytes.readableBytesView[...]
    while let first = rest.first {
      var iterator = rest.prefix(4).makeIterator()
      decoder = UTF8()
      guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
        text += escaped(first)
        rest = rest.dropFirst()
        continue
      }
      let length = UTF8.width(scalar)
      if isPrintable(scalar) {
        if scalar == "\"" || scalar == "\\" { text += "\\" }
        text.unicodeScalars.append(scalar)
      } else {
        for byte in rest.prefix(length) { text += escaped(byte) }
      }
      rest = rest.dropFirst(length)
    }
    return text + "\""
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  private static func escaped(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
  }
}
