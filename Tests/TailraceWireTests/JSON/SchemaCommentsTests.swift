import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite struct SchemaCommentsTests {
  @Test func `everything in the schemas has a comment`() {
    let comments = SchemaComments.tailrace
    let pool = DescriptorPool.tailrace
    var names = RPCMethod.allCases.map { "\($0.serviceName).\($0.methodName)" } + pool.services.map(\.fullName)
    for message in pool.messages {
      names += [message.fullName] + message.fields.map { "\(message.fullName).\($0.name)" }
    }
    for type in pool.enums { names += [type.fullName] + type.values.map { "\(type.fullName).\($0.name)" } }
    for name in names { #expect(!comments.lines(on: name).isEmpty, "\(name)") }
    #expect(comments.lines(on: "tailrace.v1.PingRequest.payload") == ["Anything, at most 65,536 bytes."])
    #expect(comments.lines(on: "tailrace.v1.RequestHeader.timeout_ms").count == 2)
    #expect(comments.lines(on: "tailrace.v1.Nothing").isEmpty)
  }

  @Test func `a set that is cut or mutated is read or refused, never a trap`() throws {
    var generator = SeededGenerator(for: #function)
    let whole = Array(DescriptorSet.bytes)
    for _ in 0..<100 {
      var bytes = Array(whole.prefix(generator.below(whole.count)))
      for _ in 0..<generator.below(20) where !bytes.isEmpty {
        bytes[generator.below(bytes.count)] = UInt8(truncatingIfNeeded: generator.next())
      }
      _ = bytes.withUnsafeBytes { bytes in Result { () throws(WireError) in try SchemaComments(serialized: bytes) } }
    }
  }

  @Test func `declarations nested without end have no comments, and do no harm`() throws {
    var message = wire { $0.string(1, "M") }
    for _ in 0..<2_000 {
      let inner = message
      message = wire { builder in
        builder.string(1, "M")
        builder.bytes(3, inner.readableBytesView)
      }
    }
    let set = wire { $0.message(1) { $0.bytes(4, message.readableBytesView) } }
    let comments = try set.withUnsafeReadableBytes { bytes in
      try Result { () throws(WireError) in try SchemaComments(serialized: bytes) }.get()
    }
    #expect(comments.lines(on: "M").isEmpty)
  }
}
