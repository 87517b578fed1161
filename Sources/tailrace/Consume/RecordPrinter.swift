import NIOCore
import TailraceClient
import TailraceWire

/// Prints the records that pass a filter.
struct RecordPrinter {
  /// Records whose values cannot be decoded are told of one by one up to these.
  private static let maxSkipsTold = 20

  let format: RecordOutputFormat
  /// Between a key and its value, in the forms that print one; nil: keys are not printed.
  var keySeparator: [UInt8]?
  var filter = RecordFilter()
  /// Nil: values are printed as they are.
  var decoder: PayloadDecoder?
  /// Whether a value that cannot be decoded is left out; else it is the end.
  var skipsErrors = false
  /// Nil: without colours.
  var palette: Palette?
  /// Nothing is printed; records are counted only.
  var countsOnly = false
  /// Records that passed.
  private(set) var count = 0
  private var skipped = 0
  private var json = JSONWriter()

  init(format: RecordOutputFormat) { self.format = format }

  /// Adds a record to `output`. False where it does not pass the filter, or is skipped.
  mutating func print(
    _ record: ConsumerRecord, to output: inout StandardOutput
  ) throws(CommandFailure) -> Bool {
    guard filter.admits(record) else { return false }
    do throws(JSONMappingError) {
      guard try printDecoded(record, to: &output) else { return false }
    } catch {
      try skip(record, error)
      return false
    }
    count += 1
    return true
  }

  private mutating func printDecoded(
    _ record: ConsumerRecord, to output: inout StandardOutput
  ) throws(JSONMappingError) -> Bool {
    // In an object the value is written in its place, once it is known to be wanted.
    let isObject = if case .json = format { true } else { false }
    var value = record.value
    if let decoder, filter.value != nil || countsOnly || !isObject {
      value = try value.map { bytes throws(JSONMappingError) in try decoder.text(of: bytes) }
    }
    guard filter.admits(value: value) else { return false }
    guard !countsOnly else { return true }
    switch format {
    case .text: append(record.key, value, end: 0x0A, to: &output)
    case .nul: append(record.key, value, end: 0, to: &output)
    case .raw: append(record.key, value, end: nil, to: &output)
    case .hex: appendHex(record.key, value, to: &output)
    case .lengths(let isKeyed):
      if isKeyed { output.append(length: record.key) }
      output.append(length: value)
    case .json: try appendObject(record, to: &output)
    case .template(let template):
      for part in template.parts { append(part, of: record, value, to: &output) }
    }
    return true
  }

  private mutating func skip(_ record: ConsumerRecord, _ error: JSONMappingError) throws(CommandFailure) {
    let place = TopicPartition(record.topic, record.partition).words
    let text = "\(place), offset \(record.offset): \(error)"
    guard skipsErrors else { throw CommandFailure(text, exitCode: ExitStatus.invalidInput) }
    skipped += 1
    guard skipped <= Self.maxSkipsTold else { return }
    let more = skipped == Self.maxSkipsTold ? "; more are not told of" : ""
    StandardError.write("tailrace: \("\(text); skipped\(more)".withoutControls)\n")
  }
}

// MARK: Forms

extension RecordPrinter {
  private func append(_ key: ByteBuffer?, _ value: ByteBuffer?, end: UInt8?, to output: inout StandardOutput) {
    if let keySeparator, let key {
      output.append(key.readableBytesView, palette?.key)
      output.append(keySeparator)
    }
    if let value { output.append(value.readableBytesView) }
    if let end { output.append(CollectionOfOne(end)) }
  }

  private func appendHex(_ key: ByteBuffer?, _ value: ByteBuffer?, to output: inout StandardOutput) {
    if let keySeparator, let key {
      output.append(Self.hex(key), palette?.key)
      output.append(keySeparator)
    }
    output.append(value.map(Self.hex) ?? [UInt8(ascii: "-")])
    output.append(CollectionOfOne(0x0A))
  }

  private static func hex(_ bytes: ByteBuffer) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.readableBytes)
    for byte in bytes.readableBytesView {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }

  private mutating func appendObject(
    _ record: ConsumerRecord, to output: inout StandardOutput
  ) throws(JSONMappingError) {
    json.removeAll()
    json.beginObject()
    json.name("topic")
    json.string(record.topic)
    json.name("partition")
    json.integer(record.partition)
    try json.members(of: record, decoder: decoder)
    json.endObject()
    json.endLine()
    if let palette { palette.paint(json.bytes, to: &output) } else { output.append(json.bytes) }
  }

  private func append(
    _ part: RecordTemplate.Part, of record: ConsumerRecord, _ value: ByteBuffer?, to output: inout StandardOutput
  ) {
    switch part {
    case .text(let text): output.append(text)
    case .field(let field):
      switch field {
      case .topic: output.append(record.topic.utf8, palette?.place)
      case .partition: output.append("\(record.partition)".utf8, palette?.place)
      case .offset: output.append("\(record.offset)".utf8, palette?.place)
      case .key: if let key = record.key { output.append(key.readableBytesView, palette?.key) }
      case .value: if let value { output.append(value.readableBytesView) }
      case .headers: appendHeaders(record.headers, to: &output)
      case .timestamp: output.append("\(record.timestampMs)".utf8, palette?.time)
      case .time: output.append(Timestamp.format(record.timestampMs).utf8, palette?.time)
      case .keyLength: output.append("\(record.key?.readableBytes ?? -1)".utf8)
      case .valueLength: output.append("\(value?.readableBytes ?? -1)".utf8)
      }
    }
  }

  private func appendHeaders(_ headers: [RecordHeader], to output: inout StandardOutput) {
    for (index, header) in headers.enumerated() {
      if index > 0 { output.append(",".utf8) }
      output.append(header.name.utf8, palette?.header)
      output.append("=".utf8)
      if let value = header.value { output.append(value.readableBytesView) }
    }
  }
}

extension StandardOutput {
  /// Adds bytes in a colour, or as they are.
  fileprivate mutating func append(_ bytes: some Collection<UInt8>, _ colour: Palette.Colour?) {
    guard let colour, !bytes.isEmpty else { return append(bytes) }
    append(colour.begin)
    append(bytes)
    append(Palette.end)
  }

  /// Adds bytes behind their length, big-endian in four; all ones where they are absent.
  fileprivate mutating func append(length bytes: ByteBuffer?) {
    let length = bytes.map { UInt32(clamping: $0.readableBytes) } ?? InputSplitter.absentLength
    for shift in [24, 16, 8, 0] as [UInt32] { append(CollectionOfOne(UInt8(truncatingIfNeeded: length >> shift))) }
    if let bytes { append(bytes.readableBytesView) }
  }
}

extension JSONWriter {
  /// Writes what a record has as members of the present object: offset, timestamp, key, value, headers. `decoder`: the
  /// value is its JSON form.
  mutating func members(of record: ConsumerRecord, decoder: PayloadDecoder? = nil) throws(JSONMappingError) {
    name("offset")
    integer(record.offset)
    name("timestamp")
    integer(record.timestampMs)
    bytes("key", record.key)
    if let decoder, let value = record.value {
      name("value")
      try decoder.write(value, to: &self)
    } else {
      bytes("value", record.value)
    }
    headers(record.headers.lazy.map { ($0.name, $0.value) })
  }

  /// The same of a record that is not decoded.
  mutating func members(of record: StoredRecord) {
    name("offset")
    integer(record.offset.rawValue)
    name("timestamp")
    integer(record.timestampMs)
    bytes("key", record.key)
    bytes("value", record.value)
    headers(record.headers.lazy.map { ($0.key, $0.value) })
  }

  private mutating func headers(_ headers: some Sequence<(String, ByteBuffer?)>) {
    name("headers")
    beginArray()
    for header in headers {
      beginObject()
      name("key")
      string(header.0)
      bytes("value", header.1)
      endObject()
    }
    endArray()
  }

  /// Writes bytes as a member: a string, or null where they are absent; under NAME_base64 where they are not UTF-8.
  private mutating func bytes(_ name: String, _ bytes: ByteBuffer?) {
    guard let bytes else {
      self.name(name)
      return null()
    }
    bytes.withUnsafeReadableBytes { bytes in
      guard bytes.withMemoryRebound(to: UInt8.self, { (try? UTF8Span(validating: $0.span)) != nil }) else {
        self.name(name + "_base64")
        return base64(bytes)
      }
      self.name(name)
      _ = string(utf8: bytes)
    }
  }
}

extension ConsumerRecord {
  /// A record as it was fetched.
  init(_ record: StoredRecord, of partition: TopicPartition) {
    self.init(
      topic: partition.topic, partition: partition.partition, offset: record.offset.rawValue,
      timestampMs: record.timestampMs, key: record.key, value: record.value,
      headers: record.headers.map { RecordHeader($0.key, $0.value) })
  }
}
