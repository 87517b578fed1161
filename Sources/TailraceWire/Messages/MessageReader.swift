package import CTailraceWire
package import NIOCore

/// Turns the fields of protobuf-c's structs into Swift values: what generated initialisers read through.
///
/// `string`s were checked to be UTF-8 by the shim.
package struct MessageReader {
  private let source: ByteBuffer
  private let slices: UnsafeBufferPointer<trw_slice>?
  private var nextSlice = 0
  private var sawMismatch = false

  /// - Parameters:
  ///   - source: The buffer that was unpacked, its reader index at the message's first byte.
  ///   - slices: Where the payloads lie in it, or nil where they were unpacked by copy.
  init(source: ByteBuffer, slices: UnsafeBufferPointer<trw_slice>?) {
    self.source = source
    self.slices = slices
  }

  /// Whether each slice was used, in order, for one message: else the values read are not to be trusted.
  var usedEverySlice: Bool {
    !sawMismatch && nextSlice == (slices?.count ?? 0)
  }

  /// The value of the payload field of the next message that has one.
  package mutating func payload(_ copied: ProtobufCBinaryData) -> ByteBuffer {
    guard let slices else { return bytes(copied) }
    guard nextSlice < slices.count else {
      sawMismatch = true
      return ByteBuffer()
    }
    let slice = slices[nextSlice]
    nextSlice += 1
    // C's SIZE_MAX, for an absent field, is -1 here.
    if slice.offset < 0 || slice.length == 0 { return ByteBuffer() }
    let (start, overflow) = source.readerIndex.addingReportingOverflow(slice.offset)
    guard !overflow, let value = source.getSlice(at: start, length: slice.length) else {
      sawMismatch = true
      return ByteBuffer()
    }
    return value
  }

  package func bytes(_ c: ProtobufCBinaryData) -> ByteBuffer {
    guard c.len > 0, let data = c.data else { return ByteBuffer() }
    return ByteBuffer(bytes: UnsafeRawBufferPointer(start: data, count: c.len))
  }

  package func string(_ c: UnsafeMutablePointer<CChar>?) -> String {
    guard let c, c.pointee != 0 else { return "" }
    return String(cString: c)
  }

  package mutating func message<M: WireMessage>(_ c: UnsafeMutablePointer<M.CMessage>?) -> M? {
    guard let c else { return nil }
    return M(reading: c, &self)
  }

  package mutating func messages<M: WireMessage>(
    _ items: UnsafeMutablePointer<UnsafeMutablePointer<M.CMessage>?>?, count: Int
  ) -> [M] {
    guard count > 0, let items else { return [] }
    var result: [M] = []
    result.reserveCapacity(count)
    for index in 0..<count {
      guard let item = items[index] else { continue }
      result.append(M(reading: item, &self))
    }
    return result
  }

  package func strings(_ items: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, count: Int) -> [String] {
    UnsafeBufferPointer(start: items, count: items == nil ? 0 : count).map { string($0) }
  }

  package func byteBuffers(_ items: UnsafeMutablePointer<ProtobufCBinaryData>?, count: Int) -> [ByteBuffer] {
    UnsafeBufferPointer(start: items, count: items == nil ? 0 : count).map { bytes($0) }
  }

  package func scalars<T: BitwiseCopyable>(_ items: UnsafeMutablePointer<T>?, count: Int) -> [T] {
    Array(UnsafeBufferPointer(start: items, count: items == nil ? 0 : count))
  }

  package func bools(_ items: UnsafeMutablePointer<protobuf_c_boolean>?, count: Int) -> [Bool] {
    UnsafeBufferPointer(start: items, count: items == nil ? 0 : count).map { $0 != 0 }
  }

  package func enums<C, E: WireEnum>(_ items: UnsafeMutablePointer<C>?, count: Int) -> [E] {
    guard count > 0, let items else { return [] }
    // protobuf-c makes its enums as large as an int.
    return items.withMemoryRebound(to: Int32.self, capacity: count) { numbers in
      UnsafeBufferPointer(start: numbers, count: count).map { E(rawValue: $0) }
    }
  }
}
