internal import CTailraceWire
package import NIOCore

/// A request's header as the hot path needs it: read where it lies, nothing allocated.
package struct RequestHeaderScan: Sendable {
  package let callID: UInt64
  /// nil where the method is unknown, or absent.
  package let method: RPCMethod?
  /// Whether a method was named at all.
  package let namesMethod: Bool
  /// 0 = none.
  package let timeoutMs: UInt32
  /// Entries of metadata, to be had from `RequestHeader.init(decoding:)`.
  package let metadataCount: Int
  package let cancel: Bool
  package let credit: UInt64

  /// Scans `header`: all of its bytes.
  package init(_ header: UnsafeRawBufferPointer) throws(FrameError) {
    var raw = trw_request_header()
    let data = header.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard trw_scan_request_header(data, header.count, &raw) == TRW_OK else { throw .malformedHeader }
    callID = raw.call_id
    method = RPCMethod(nameBytes: UnsafeRawBufferPointer(start: raw.method, count: raw.method_length))
    namesMethod = raw.method_length > 0
    timeoutMs = raw.timeout_ms
    metadataCount = Int(raw.metadata_count)
    cancel = raw.cancel
    credit = raw.credit
  }

  /// Scans the readable bytes of `header`.
  package init(_ header: ByteBuffer) throws(FrameError) {
    self = try header.withUnsafeReadableBytes { bytes throws(FrameError) in try RequestHeaderScan(bytes) }
  }

  /// The method as `header` names it, for an error message: at most 100 bytes, control characters replaced.
  package static func methodName(in header: ByteBuffer) -> String {
    header.withUnsafeReadableBytes { bytes in
      var raw = trw_request_header()
      let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard trw_scan_request_header(data, bytes.count, &raw) == TRW_OK else { return "" }
      let name = UnsafeRawBufferPointer(start: raw.method, count: raw.method_length)
      return printable(String(decoding: name.prefix(100), as: UTF8.self), maxBytes: 100)
    }
  }
}
