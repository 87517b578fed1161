import NIOCore
import SwiftProtobuf
import TailraceWire
import Testing

@Suite("Decoding messages")
struct MessageDecodingTests {
  private func decodeError<M: WireMessage>(
    _: M.Type, _ bytes: [UInt8], _ limits: DecodeLimits = .default
  ) -> DecodeError? {
    do throws(DecodeError) {
      _ = try M(decoding: ByteBuffer(bytes: bytes), limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test func `Unknown fields are ignored, whatever their wire type`() throws {
    var bytes = try TopicSummary(name: "clicks", partitionCount: 3).encoded()
    // Field 1000 as a varint, 64 bits, bytes and 32 bits.
    bytes.writeBytes([0xc0, 0x3e, 0xff, 0x01])
    bytes.writeBytes([0xc1, 0x3e] + [UInt8](repeating: 1, count: 8))
    bytes.writeBytes([0xc2, 0x3e, 2, 0xff, 0x00])
    bytes.writeBytes([0xc5, 0x3e, 1, 2, 3, 4])
    #expect(try TopicSummary(decoding: bytes) == TopicSummary(name: "clicks", partitionCount: 3))
  }

  @Test func `Absent, empty and zero are told apart where the schema says optional`() throws {
    let messages = [
      ProduceRecord(),
      ProduceRecord(key: ByteBuffer(), value: ByteBuffer(), timestampMs: 0, partition: 0),
      ProduceRecord(key: ByteBuffer(string: "k"), value: nil, timestampMs: -1, partition: nil),
    ]
    for message in messages {
      let back = try ProduceRecord(decoding: message.encoded())
      #expect(back == message)
      #expect((back.key == nil) == (message.key == nil))
      #expect((back.timestampMs == nil) == (message.timestampMs == nil))
    }
    #expect(try InitProducerRequest(decoding: InitProducerRequest(producerName: "").encoded()).producerName == "")
    #expect(try InitProducerRequest(decoding: InitProducerRequest().encoded()).producerName == nil)
    let header = ResponseHeader(callID: 1, status: Status())
    #expect(try ResponseHeader(decoding: header.encoded()).status == Status())
  }

  @Test(arguments: [31, 1000, -1, Int32.max, Int32.min])
  func `An unknown enum value is kept and sent on as it came`(number: Int32) throws {
    let error = PartitionError(code: ErrorCode(rawValue: number), message: "?")
    let back = try PartitionError(decoding: error.encoded())
    #expect(back.code.rawValue == number)
    #expect(back.code.name == "\(number)")
    #expect(try Tailrace_V1_PartitionError(serializedBytes: back.encoded().allBytes).code.rawValue == Int(number))
  }

  @Test func `Broken bytes are malformed, and the error names the place`() throws {
    let request = FetchRequest(targets: [FetchTarget(topic: "a"), FetchTarget(topic: "bcd")])
    let bytes = try request.encoded().allBytes
    let cut = try #require(decodeError(FetchRequest.self, Array(bytes.dropLast())))
    #expect(cut.kind == .malformed)
    #expect(cut.messageName == "tailrace.v1.FetchRequest")
    // Field 1 as a varint, where a message belongs.
    #expect(decodeError(FetchRequest.self, [0x08, 0x01])?.kind == .malformed)
  }

  @Test func `A string that is not UTF-8, or holds a NUL, is refused with its path`() throws {
    // targets[1].topic, one byte long.
    func request(_ byte: UInt8) -> [UInt8] { [0x0a, 0x00, 0x0a, 0x03, 0x0a, 0x01, byte] }
    let invalid = try #require(decodeError(FetchRequest.self, request(0xff)))
    #expect(invalid.kind == .invalidUTF8)
    #expect(invalid.path == "targets[1].topic")
    #expect("\(invalid)".contains("targets[1].topic is not valid UTF-8"))
    let nul = try #require(decodeError(FetchRequest.self, request(0)))
    #expect(nul.kind == .nulInString)
    #expect(nul.path == "targets[1].topic")
  }

  @Test func `The length limit is inclusive`() throws {
    let bytes = try DescribeTopicRequest(name: "clicks").encoded().allBytes
    #expect(decodeError(DescribeTopicRequest.self, bytes, DecodeLimits(maxBytes: bytes.count)) == nil)
    #expect(decodeError(DescribeTopicRequest.self, bytes, DecodeLimits(maxBytes: bytes.count - 1))?.kind == .tooLarge)
  }

  @Test func `The depth limit is inclusive`() throws {
    let target = ProduceTarget(records: [ProduceRecord(headers: [Header(key: "h")])])
    let bytes = try ProduceRequest(targets: [target]).encoded().allBytes
    #expect(decodeError(ProduceRequest.self, bytes, DecodeLimits(maxDepth: 3)) == nil)
    #expect(decodeError(ProduceRequest.self, bytes, DecodeLimits(maxDepth: 2))?.kind == .tooDeep)
  }

  @Test func `Tiny sub-messages cannot take more memory than the arena may`() throws {
    // A million empty messages in two bytes each.
    let bytes = [UInt8]((0..<1_000_000).flatMap { _ in [0x12, 0x00] as [UInt8] })
    let error = try #require(decodeError(ProduceRequest.self, bytes, DecodeLimits(arenaBytes: 8 << 20)))
    #expect(error.kind == .tooLarge)
  }

  @Test func `An arena serves call after call, failed ones too, and is left empty`() throws {
    let arena = Arena(initialBytes: 256, limitBytes: 8192)
    let buffer = try DescribeTopicRequest(name: String(repeating: "n", count: 200)).encoded()
    for _ in 0..<200 {
      _ = try DescribeTopicRequest(decoding: buffer, arena: arena)
      #expect(throws: DecodeError.self) {
        try DescribeTopicRequest(decoding: ByteBuffer(bytes: [0x0a, 0x05]), arena: arena)
      }
      #expect(arena.usedBytes == 0)
    }
  }

  @Test func `Every prefix of a message is decoded or refused, and never traps`() throws {
    var values = RandomValues(seed: RandomValues.runSeed)
    for type in allMessages {
      func check<M: IndependentlyChecked>(_: M.Type) throws {
        let bytes = try M.random(&values).encoded().allBytes
        for count in 0..<min(bytes.count, 400) {
          _ = try? M(decoding: ByteBuffer(bytes: bytes[0..<count]))
        }
      }
      try check(type)
    }
  }
}
