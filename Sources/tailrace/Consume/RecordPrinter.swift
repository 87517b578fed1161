import NIOCore
import TailraceClient
import TailraceWire

/// Prints records, in either format.
struct RecordPrinter {
  let format: RecordFormat
  private var json = JSONWriter()

  init(format: RecordFormat) { self.format = format }

  /// Adds a record to `output`: its value, or a JSON object, and a line feed.
  mutating func print(_ record: StoredRecord, of partition: TopicPartition, to output: inout StandardOutput) {
    switch format {
    case .text:
      if let value = record.value { output.append(value.readableBytesView) }
      output.append(CollectionOfOne(0x0A))
    case .json:
      json.removeAll()
      write(record, partition)
      json.endLine()
      output.append(json.bytes)
    }
  }

  private mutating func write(_ record: StoredRecord, _ partition: TopicPartition) {
    json.beginObject()
    json.name("topic")
    json.string(partition.topic)
    json.name("partition")
    json.integer(partition.partition)
    json.members(of: record)
    json.endObject()
  }
}

extension JSONWriter {
  /// Writes what a record has as members of the present object: offset, timestamp, key, value, headers.
  mutating func members(of record: StoredRecord) {
    name("offset")
    integer(record.offset.rawValue)
    name("timestamp")
    integer(record.timestampMs)
    bytes("key", record.key)
    bytes("value", record.value)
    name("headers")
    beginArray()
    for header in record.headers {
      beginObject()
      name("key")
      string(header.key)
      bytes("value", header.value)
      endObject()
    }
    endArray()
  }

  /// Writes bytes as a member: a string, or null where they are absent; under NAME_base64 where they are not UTF-8.
  fileprivate mutating func bytes(_ name: String, _ bytes: ByteBuffer?) {
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
