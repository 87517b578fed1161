package import CTailraceWire
package import NIOCore

/// Turns Swift values into fields of protobuf-c's structs: what generated code writes through.
///
/// Strings and arrays are copied into the arena. Byte strings are not: the struct points into the buffers, which the
/// message being encoded keeps alive.
package struct MessageWriter {
  private let arena: Arena

  init(arena: Arena) {
    self.arena = arena
  }

  /// Memory for `count` values, of which there is at least one.
  private func allocate<T>(_ type: T.Type, count: Int, _ name: StaticString) throws(EncodeError)
    -> UnsafeMutablePointer<T>
  {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow, let memory = arena.allocate(byteCount: byteCount) else {
      throw EncodeError(kind: .tooLarge, path: "\(name)")
    }
    return memory.bindMemory(to: type, capacity: count)
  }

  /// A NUL-terminated copy. Never the same address as protobuf-c's own empty string, which stands for absence.
  package func string(_ value: String, _ name: StaticString) throws(EncodeError) -> UnsafeMutablePointer<CChar> {
    var value = value
    let count = value.utf8.count
    let copy = try allocate(CChar.self, count: count + 1, name)
    let hasNul = value.withUTF8 { utf8 in
      let bytes = UnsafeMutableRawBufferPointer(start: copy, count: count)
      bytes.copyMemory(from: UnsafeRawBufferPointer(utf8))
      return utf8.contains(0)
    }
    if hasNul { throw EncodeError(kind: .nulInString, path: "\(name)") }
    copy[count] = 0
    return copy
  }

  /// The buffer's readable bytes, where they lie.
  package func bytes(_ value: ByteBuffer) -> ProtobufCBinaryData {
    // The pointer is good as long as the storage: the message keeps a reference to it, and a write through any other
    // buffer that shares it copies first.
    value.withUnsafeReadableBytesWithStorageManagement { bytes, _ in
      guard let base = bytes.baseAddress, !bytes.isEmpty else { return ProtobufCBinaryData(len: 0, data: nil) }
      let data = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: UInt8.self)
      return ProtobufCBinaryData(len: bytes.count, data: data)
    }
  }

  /// The message that everything else is below.
  mutating func message<M: WireMessage>(_ value: M) throws(EncodeError) -> UnsafeMutablePointer<M.CMessage> {
    let c = try allocate(M.CMessage.self, count: 1, "")
    M.initialize(c)
    try value.write(to: c, &self)
    return c
  }

  package mutating func message<M: WireMessage>(_ value: M, _ name: StaticString) throws(EncodeError)
    -> UnsafeMutablePointer<M.CMessage>
  {
    let c = try allocate(M.CMessage.self, count: 1, name)
    M.initialize(c)
    do throws(EncodeError) {
      try value.write(to: c, &self)
    } catch {
      throw error.below("\(name)")
    }
    return c
  }

  package mutating func messages<M: WireMessage>(_ values: [M], _ name: StaticString) throws(EncodeError)
    -> (UnsafeMutablePointer<UnsafeMutablePointer<M.CMessage>?>?, Int)
  {
    if values.isEmpty { return (nil, 0) }
    let pointers = try allocate(UnsafeMutablePointer<M.CMessage>?.self, count: values.count, name)
    let structs = try allocate(M.CMessage.self, count: values.count, name)
    for index in values.indices {
      M.initialize(structs + index)
      do throws(EncodeError) {
        try values[index].write(to: structs + index, &self)
      } catch {
        throw error.below("\(name)[\(index)]")
      }
      (pointers + index).initialize(to: structs + index)
    }
    return (pointers, values.count)
  }

  package func strings(_ values: [String], _ name: StaticString) throws(EncodeError)
    -> (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, Int)
  {
    if values.isEmpty { return (nil, 0) }
    let pointers = try allocate(UnsafeMutablePointer<CChar>?.self, count: values.count, name)
    for index in values.indices {
      do throws(EncodeError) {
        (pointers + index).initialize(to: try string(values[index], name))
      } catch {
        throw EncodeError(kind: error.kind, path: "\(name)[\(index)]")
      }
    }
    return (pointers, values.count)
  }

  package func byteBuffers(_ values: [ByteBuffer], _ name: StaticString) throws(EncodeError)
    -> (UnsafeMutablePointer<ProtobufCBinaryData>?, Int)
  {
    try array(values, name) { bytes($0) }
  }

  package func scalars<T: BitwiseCopyable>(_ values: [T], _ name: StaticString) throws(EncodeError)
    -> (UnsafeMutablePointer<T>?, Int)
  {
    try array(values, name) { $0 }
  }

  package func bools(_ values: [Bool], _ name: StaticString) throws(EncodeError)
    -> (UnsafeMutablePointer<protobuf_c_boolean>?, Int)
  {
    try array(values, name) { $0 ? 1 : 0 }
  }

  package func enums<E: WireEnum, C: RawRepresentable>(_ values: [E], _ name: StaticString) throws(EncodeError)
    -> (UnsafeMutablePointer<C>?, Int)
  {
    let (numbers, count) = try array(values, name) { $0.rawValue }
    // protobuf-c makes its enums as large as an int.
    return (numbers.map { UnsafeMutableRawPointer($0).bindMemory(to: C.self, capacity: count) }, count)
  }

  private func array<T, C>(_ values: [T], _ name: StaticString, _ convert: (T) -> C) throws(EncodeError)
    -> (UnsafeMutablePointer<C>?, Int)
  {
    if values.isEmpty { return (nil, 0) }
    let items = try allocate(C.self, count: values.count, name)
    for index in values.indices {
      (items + index).initialize(to: convert(values[index]))
    }
    return (items, values.count)
  }
}
