internal import NIOCore
internal import TailraceWire

extension ProducerRecord {
  /// Bytes that it takes in a batch, at most.
  var byteCount: Int {
    let bytes = RecordSetBuilder.maxRecordOverhead + (key?.readableBytes ?? 0) + (value?.readableBytes ?? 0)
    return headers.reduce(bytes) { $0 + 20 + $1.name.utf8.count + ($1.value?.readableBytes ?? 0) }
  }

  var wireHeaders: [Header] { headers.isEmpty ? [] : headers.map { Header(key: $0.name, value: $0.value) } }
}
