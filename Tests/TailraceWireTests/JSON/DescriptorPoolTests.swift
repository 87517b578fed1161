import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite struct DescriptorPoolTests {
  @Test func `the embedded schemas are read`() throws {
    let pool = DescriptorPool.tailrace
    let request = try #require(pool.message(named: "tailrace.v1.FetchRequest"))
    #expect(request.field(name: "maxBytes") === request.field(name: "max_bytes"))
    let header = try #require(pool.message(named: "tailrace.v1.RequestHeader"))
    let callID = try #require(header.field(number: 1))
    #expect(callID.name == "call_id" && callID.jsonName == "callId" && callID.kind == .uint64)
    #expect(!callID.hasPresence && !callID.isRepeated)
    let metadata = try #require(header.field(name: "metadata"))
    #expect(metadata.isRepeated && !metadata.isPacked)
    #expect(header.messageType(of: metadata)?.fullName == "tailrace.v1.Metadata")
    let codes = try #require(pool.enumeration(named: "tailrace.v1.ErrorCode"))
    #expect(codes.name(of: 2) == "ERROR_CODE_UNKNOWN_TOPIC" && codes.number(of: "ERROR_CODE_UNKNOWN_TOPIC") == 2)
  }

  @Test func `services know their methods and streams`() throws {
    let service = try #require(DescriptorPool.tailrace.service(named: "tailrace.v1.AdminService"))
    let ping = try #require(service.methods.first { $0.name == "Ping" })
    #expect(ping.path == "/tailrace.v1.AdminService/Ping" && ping.fullName == "tailrace.v1.AdminService.Ping")
    #expect(ping.input.fullName == "tailrace.v1.PingRequest" && ping.output.fullName == "tailrace.v1.PingResponse")
    #expect(!ping.clientStreaming && !ping.serverStreaming)
    #expect(DescriptorPool.tailrace.services.flatMap(\.methods).contains { $0.serverStreaming })
  }

  @Test func `presence, packing and oneofs follow proto3`() throws {
    let all = try AllKinds.descriptor()
    let optional = try #require(all.field(name: "o_int32"))
    #expect(optional.hasPresence && optional.oneof == nil)
    let member = try #require(all.field(name: "cInt32"))
    #expect(member.hasPresence && member.oneof == "choice")
    #expect(try #require(all.field(name: "fMessage")).hasPresence)
    #expect(try #require(all.field(name: "rInt32")).isPacked)
    #expect(try #require(all.field(name: "rString")).isPacked == false)
    #expect(try #require(all.field(name: "unpacked")).isPacked == false)
    let color = try #require(all.pool.enumeration(named: "test.Color"))
    #expect(color.name(of: 1) == "GREEN" && color.number(of: "VERT") == 1)
  }

  @Test("a set that contradicts itself is refused", arguments: contradictions)
  func refusesContradictions(_ error: DescriptorError, _ set: ByteBuffer) {
    #expect(throws: error) { try pool(set) }
  }

  @Test func `messages nested too deeply are refused`() {
    func nested(_ levels: Int) -> ByteBuffer {
      var body = wire { $0.string(1, "M") }
      for _ in 0..<levels {
        body = wire {
          $0.string(1, "M")
          $0.bytes(3, body.readableBytesView)
        }
      }
      return wire { $0.message(1) { $0.bytes(4, body.readableBytesView) } }
    }
    #expect(throws: Never.self) { try pool(nested(32)) }
    #expect { try pool(nested(33)) } throws: {
      guard let error = $0 as? DescriptorError, case .nestedTooDeeply = error else { return false }
      return true
    }
  }

  @Test func `mutated and truncated sets are read or refused, never a trap`() {
    var generator = SeededGenerator(for: #function)
    let original = Array(AllKinds.set.readableBytesView)
    var refused = 0
    for _ in 0..<5_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
      if (try? pool(ByteBuffer(bytes: bytes))) == nil { refused += 1 }
    }
    #expect(refused > 100)
  }
}

/// The set of one file of one message `A`.
private func setOfA(_ build: (inout WireBuilder) -> Void) -> ByteBuffer {
  wire { $0.message(1) { message(&$0, "A", build) } }
}

private let contradictions: [(DescriptorError, ByteBuffer)] = [
  (
    .duplicateType("A"),
    wire {
      $0.message(1) { message(&$0, "A") { _ in } }
      $0.message(1) { message(&$0, "A") { _ in } }
    }
  ),
  (.unknownType(".No", usedBy: "A.x"), setOfA { AllKinds.field(&$0, "x", number: 1, type: 11, typeName: ".No") }),
  (.unknownType(".A", usedBy: "A.x"), setOfA { AllKinds.field(&$0, "x", number: 1, type: 14, typeName: ".A") }),
  (
    .duplicateMember("y", type: "A"),
    setOfA {
      AllKinds.field(&$0, "x", number: 1, type: 5)
      AllKinds.field(&$0, "y", number: 1, type: 5)
    }
  ),
  (
    .duplicateMember("a_b", type: "A"),
    setOfA {
      AllKinds.field(&$0, "aB", number: 1, type: 5)
      AllKinds.field(&$0, "a_b", number: 2, type: 5)
    }
  ),
  (.invalidField("x", type: "A"), setOfA { AllKinds.field(&$0, "x", number: 0, type: 5) }),
  (.invalidField("x", type: "A"), setOfA { AllKinds.field(&$0, "x", number: 1 << 29, type: 5) }),
  (.invalidField("x", type: "A"), setOfA { AllKinds.field(&$0, "x", number: 1, type: 19) }),
  (.invalidField("x", type: "A"), setOfA { AllKinds.field(&$0, "x", number: 1, type: 5, label: 4) }),
  (.invalidField("x", type: "A"), setOfA { AllKinds.field(&$0, "x", number: 1, type: 5, oneof: .max) }),
  (.invalidName(scope: "A"), setOfA { AllKinds.field(&$0, "1x", number: 1, type: 5) }),
  (.invalidName(scope: ""), wire { $0.message(1) { message(&$0, "") { _ in } } }),
  (
    .invalidName(scope: ""),
    wire { $0.message(1) { message(&$0, String(repeating: "a", count: 513)) { _ in } } }
  ),
  (.emptyEnum("E"), wire { $0.message(1) { $0.message(5) { $0.string(1, "E") } } }),
  (.unsupportedSyntax(file: "", syntax: "editions"), wire { $0.message(1) { $0.string(12, "editions") } }),
]

private func message(_ file: inout WireBuilder, _ name: String, _ build: (inout WireBuilder) -> Void) {
  file.message(4) {
    $0.string(1, name)
    build(&$0)
  }
}

@Suite struct WireReaderTests {
  @Test(
    "refuses malformed fields",
    arguments: [
      ([0x08], .truncated), ([0x08, 0x80], .truncated), ([0x09, 1, 2, 3, 4, 5, 6, 7], .truncated),
      ([0x0d, 1, 2, 3], .truncated),
      ([0x0a, 0x01], .truncated), ([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .truncated),
      ([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], .varintTooLong),
      ([0x00, 0x00], .invalidFieldNumber),
      ([0x80, 0x80, 0x80, 0x80, 0x10, 0x00], .invalidFieldNumber), ([0x0e], .invalidWireType),
      ([0x0f], .invalidWireType),
      ([0x0b], .unmatchedGroup), ([0x0c], .unmatchedGroup), ([0x0b, 0x14], .unmatchedGroup),
      ([UInt8](repeating: 0x0b, count: 33), .groupTooDeep),
    ] as [([UInt8], WireError.Kind)])
  func refuses(_ bytes: [UInt8], _ kind: WireError.Kind) {
    bytes.withUnsafeBytes { bytes in
      var reader = WireReader(bytes)
      #expect { while try reader.nextField() != nil {} } throws: { ($0 as? WireError)?.kind == kind }
    }
  }

  @Test func `skips groups and goes on behind them`() throws {
    try ([0x0b, 0x08, 0x01, 0x13, 0x14, 0x0c, 0x10, 0x05] as [UInt8]).withUnsafeBytes { bytes in
      var reader = WireReader(bytes)
      let group = try #require(try reader.nextField())
      #expect(group.number == 1)
      let field = try #require(try reader.nextField())
      guard case .varint(5) = field.value else {
        Issue.record("expected the varint 5")
        return
      }
      #expect(field.number == 2 && field.offset == 6 && reader.isAtEnd)
    }
  }
}
