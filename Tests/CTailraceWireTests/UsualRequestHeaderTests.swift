import CTailraceWire
import Testing

/// The fast path of the scan of a request header, against the general one and against protobuf-c, for all small changes
/// of a header that it is for.
@Suite struct UsualRequestHeaderTests {
  /// What a header says; the method is nil where it is absent or empty.
  private struct Header: Equatable {
    var callID: UInt64
    var method: [UInt8]?
    var timeoutMs: UInt32
    var metadataCount: Int
    var cancel: Bool
    var credit: UInt64
  }

  private func scan(_ bytes: [UInt8]) -> Header? {
    bytes.withUnsafeBufferPointer { buffer in
      var raw = trw_request_header()
      guard trw_scan_request_header(buffer.baseAddress, buffer.count, &raw) == TRW_OK else { return nil }
      let method = raw.method_length == 0 ? nil : UnsafeBufferPointer(start: raw.method, count: raw.method_length)
      return Header(
        callID: raw.call_id, method: method.map { Array($0) }, timeoutMs: raw.timeout_ms,
        metadataCount: Int(raw.metadata_count), cancel: raw.cancel, credit: raw.credit)
    }
  }

  /// The general path: a field that nobody knows at the front is not usual.
  private func scanSlowly(_ bytes: [UInt8]) -> Header? { scan(Proto.number(99, 0) + bytes) }

  /// What protobuf-c makes of it, or nil, and why it refuses it.
  private func unpack(_ bytes: [UInt8], _ arena: Arena) -> (Header?, trw_status) {
    var error = trw_unpack_error()
    var limits = trw_unpack_limits.generous
    let descriptor = trw_descriptor_of_tailrace__v1__request_header()
    defer { trw_arena_reset(arena.pointer) }
    guard let message = trw_unpack(descriptor, arena.pointer, bytes, bytes.count, &limits, &error) else {
      return (nil, error.status)
    }
    let raw = UnsafeMutableRawPointer(message).assumingMemoryBound(to: Tailrace__V1__RequestHeader.self).pointee
    let method = raw.method.map { Array(String(cString: $0).utf8) }
    let header = Header(
      callID: raw.call_id, method: method?.isEmpty == true ? nil : method, timeoutMs: raw.timeout_ms,
      metadataCount: raw.n_metadata, cancel: raw.cancel != 0, credit: raw.credit)
    return (header, TRW_OK)
  }

  /// All cuts, and all headers that differ in one byte, or lack one, or have one more.
  private func changes(of header: [UInt8]) -> [[UInt8]] {
    var all = (0...header.count).map { Array(header.prefix($0)) }
    for place in header.indices {
      var shorter = header
      shorter.remove(at: place)
      all.append(shorter)
      for byte in 0...255 as ClosedRange<UInt8> {
        var changed = header
        changed[place] = byte
        all.append(changed)
      }
    }
    for place in 0...header.count {
      for byte in 0...255 as ClosedRange<UInt8> {
        var longer = header
        longer.insert(byte, at: place)
        all.append(longer)
      }
    }
    return all
  }

  static let usual: [[UInt8]] = [1, 127, 128, 300, 1 << 35, .max].map {
    Proto.number(1, $0) + Proto.string(2, "t.L/Get")
  }
  static let nearlyUsual: [[UInt8]] = [
    Proto.number(1, 1) + Proto.string(2, ""), Proto.number(1, 1) + Proto.string(2, String(repeating: "m", count: 127)),
    Proto.number(1, 1) + Proto.string(2, String(repeating: "m", count: 128)),
    [0x08, 0x81, 0x00] + Proto.string(2, "t.L/Get"), Proto.number(1, 1) + Proto.bytes(2, [0x61], lengthWidth: 2),
    Proto.number(1, 1) + Proto.string(2, "a") + Proto.string(2, "b"),
    Proto.string(2, "a") + Proto.number(1, 1), Proto.number(1, 1) + Proto.string(2, "a") + Proto.number(3, 7),
  ]

  /// Two changes of those bytes that are no text.
  private func doubleChanges(of header: [UInt8]) -> [[UInt8]] {
    let structure = header.count - Array("t.L/Get".utf8).count
    let values: [UInt8] = [0, 1, 2, 6, 7, 8, 0x0A, 0x10, 0x12, 0x1A, 0x7F, 0x80, 0x87, 0xFF]
    var all: [[UInt8]] = []
    for first in 0..<structure {
      for second in first + 1..<structure {
        for (one, other) in values.flatMap({ one in values.map { (one, $0) } }) {
          var changed = header
          changed[first] = one
          changed[second] = other
          all.append(changed)
        }
      }
    }
    return all
  }

  /// Headers that are read otherwise than on the general path, or than by protobuf-c.
  private func misread(_ headers: [[UInt8]]) throws -> [[UInt8]] {
    let arena = try Arena()
    return headers.filter { header in
      let found = scan(header)
      guard found == scanSlowly(header) else { return true }
      let (expected, status) = unpack(header, arena)
      // A method that is no text is not found, and metadata is looked into when it is unpacked.
      let isOfContents = status == TRW_INVALID_UTF8 || status == TRW_NUL_IN_STRING || (found?.metadataCount ?? 0) > 0
      return found != expected && !(expected == nil && isOfContents)
    }
  }

  @Test(arguments: usual + nearlyUsual)
  func `any small change is read as protobuf-c reads it, or refused as there`(header: [UInt8]) throws {
    #expect(scan(header) != nil)
    #expect(try misread(changes(of: header)).first == nil)
  }

  @Test(arguments: usual) func `so are two changes of tags, numbers and lengths`(header: [UInt8]) throws {
    #expect(try misread(doubleChanges(of: header)).first == nil)
  }
}
