internal import NIOCore
internal import TailraceWire

extension ProducerRecord {
  /// Bytes that it takes in a batch, at most.
  var byteCount: Int {
    let bytes = RecordSetBuilder.maxRecordOverhead + (key?.readableBytes ?? 0) + (value?.readableBytes ?? 0)
    return headers.reduce(bytes) { $0 + 20 + $1.name.utf8.count + ($1.value?.readableBytes ?? 0) }
  }

  /// Why no broker would take it; a record that is refused later takes those of its batch with it.
  var fault: TailraceError? {
    guard !headers.isEmpty else { return nil }
    guard headers.count <= BatchValidator.maxHeadersPerRecord else {
      return TailraceError(
        .invalidRecord, "a record with \(headers.count) headers; there may be \(BatchValidator.maxHeadersPerRecord)")
    }
    guard let header = headers.first(where: { $0.name.utf8.contains(0) }) else { return nil }
    return TailraceError(.invalidRecord, "the name of header '\(header.name.prefix { $0 != "\0" })' holds a NUL")
  }

  var wireHeaders: [Header] { headers.isEmpty ? [] : headers.map { Header(key: $0.name, value: $0.value) } }
}
