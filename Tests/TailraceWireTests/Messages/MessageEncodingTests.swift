import NIOCore
import TailraceWire
import Testing

@Suite("Encoding messages")
struct MessageEncodingTests {
  @Test func `A NUL in a string is an error that names the field, and nothing is written`() throws {
    let cases: [(EncodeError?, String)] = [
      (error(of: DescribeTopicRequest(name: "a\0b")), "name"),
      (error(of: FetchRequest(targets: [FetchTarget(), FetchTarget(topic: "\0")])), "targets[1].topic"),
      (error(of: ResponseHeader(status: Status(message: "x\0"))), "status.message"),
      (error(of: JoinGroupRequest(topics: ["a", "b\0"])), "topics[1]"),
    ]
    for (error, path) in cases {
      #expect(error == EncodeError(kind: .nulInString, path: path))
    }
    var buffer = ByteBuffer(string: "before")
    #expect(throws: EncodeError.self) { try DescribeTopicRequest(name: "\0").encode(into: &buffer, arena: Arena()) }
    #expect(buffer == ByteBuffer(string: "before"))
  }

  @Test func `An exhausted arena is an error, and the arena can be used again`() throws {
    let arena = Arena(initialBytes: 256, limitBytes: 1024)
    var buffer = ByteBuffer()
    let tooLong = DescribeTopicRequest(name: String(repeating: "n", count: 2000))
    #expect(throws: EncodeError(kind: .tooLarge, path: "name")) { try tooLong.encode(into: &buffer, arena: arena) }
    #expect(try DescribeTopicRequest(name: "n").encode(into: &buffer, arena: arena) == 3)
    #expect(arena.usedBytes == 0)
  }

  @Test func `Encoding appends, and returns the length`() throws {
    var buffer = ByteBuffer(string: "x")
    let arena = Arena()
    #expect(try DescribeTopicRequest(name: "clicks").encode(into: &buffer, arena: arena) == 8)
    #expect(try DescribeTopicRequest().encode(into: &buffer, arena: arena) == 0)
    #expect(buffer == ByteBuffer(string: "x\u{0a}\u{06}clicks"))
  }

  @Test func `Fixed-width fields take their fixed width`() throws {
    // Fields 1 and 2: tag and 4 bytes, tag and 8 bytes.
    #expect(try RecordBatch(formatVersion: 1, baseOffset: -1).encoded().readableBytes == 5 + 9)
  }

  private func error(of message: some WireMessage) -> EncodeError? {
    do throws(EncodeError) {
      _ = try message.encoded()
      return nil
    } catch {
      return error
    }
  }
}
