import NIOCore
import Testing

@testable import TailraceWire

/// Whether this package's bytes are those that clients in other languages are checked against.
@Suite struct GoldenFileTests {
  /// A line of `hashes.txt`.
  private struct Hashes {
    let key: [UInt8]
    let crc32c, murmur2, partition: UInt32

    init(_ line: Substring) throws {
      let parts = line.split(separator: " ")
      try #require(parts.count == 4, "\(line)")
      let digits = parts[0] == "-" ? [] : Array(parts[0])
      try #require(digits.count.isMultiple(of: 2), "\(line)")
      key = try stride(from: 0, to: digits.count, by: 2).map {
        try #require(UInt8(String(digits[$0..<$0 + 2]), radix: 16))
      }
      crc32c = try #require(UInt32(parts[1], radix: 16))
      murmur2 = try #require(UInt32(parts[2], radix: 16))
      partition = try #require(UInt32(parts[3]))
    }
  }

  /// The only frame of a file.
  private func frame(_ name: String) throws -> Frame {
    var decoder = FrameDecoder()
    decoder.receive(try GoldenFiles.read(name))
    let next = try decoder.next()
    let frame = try #require(next)
    #expect(decoder.bufferedBytes == 0)
    return frame
  }

  @Test func `checksums, hashes and partitions of keys are those of every client`() throws {
    let lines = String(buffer: try GoldenFiles.read("hashes.txt")).split(separator: "\n")
    #expect(lines.count == 14)
    for line in lines {
      let known = try Hashes(line)
      known.key.withUnsafeBytes { key in
        #expect(CRC32C.checksum(key) == known.crc32c, "\(line)")
        #expect(MurmurHash2.hash(key) == known.murmur2, "\(line)")
        #expect(MurmurHash2.partition(of: key, partitionCount: 7) == known.partition, "\(line)")
      }
    }
  }

  @Test func `records are encoded to the same bytes`() throws {
    #expect(try RecordSet(records: GoldenFiles.records).encoded() == GoldenFiles.read("record_set.bin"))
  }

  @Test(arguments: Compression.allCases)
  func `a stored batch is written and read back, whatever compressed it`(compression: Compression) throws {
    let file = try GoldenFiles.read("batch_\(compression).bin")
    let stored = file.getSlice(
      at: RecordBatchHeader.byteCount, length: file.readableBytes - RecordBatchHeader.byteCount)
    let records = try #require(stored)
    let header = GoldenFiles.header(compression, records: records)
    #expect(header.encodedBytes + records.allBytes == file.allBytes)
    #expect(try parseHeader(file.allBytes) == header)
    #expect(try compression.decompress(records, maxBytes: 10_000) == GoldenFiles.read("record_set.bin"))
    let message = try #require(try Segment(decoding: file).batches.first)
    let back = try readAll(RecordBatchReader(header: RecordBatchHeader(checking: message), records: message.records))
    #expect(back.map(\.offset.rawValue) == Array(42...47))
    #expect(zip(back, GoldenFiles.records).allSatisfy { $0.matches($1) })
  }

  @Test func `prefaces are the same`() throws {
    var client = ByteBuffer()
    ClientPreface().write(to: &client)
    #expect(try client == GoldenFiles.read("client_preface.bin"))
    var server = ByteBuffer()
    ServerPreface(answering: ClientPreface()).write(to: &server)
    #expect(try server == GoldenFiles.read("server_preface.bin"))
  }

  @Test func `a produce is the same frame, and passes the broker's checks`() throws {
    let target = ProduceTarget(topic: "golden", partition: 1, batches: [try GoldenFiles.producedBatch()])
    let header = RequestHeader(
      callID: 7, method: "tailrace.v1.LogService/Produce", timeoutMs: 1500,
      metadata: [Metadata(key: "trace", value: "abc")])
    let message = try ProduceRequest(acks: .durable, targets: [target]).encoded()
    var bytes = ByteBuffer()
    try FrameEncoder().writeRequest(header, message: message, to: &bytes)
    #expect(try bytes == GoldenFiles.read("request.frame"))
    let back = try ProduceRequest(decoding: frame("request.frame").message)
    let batch = try #require(back.targets.first?.batches.first)
    _ = try BatchValidator(maxBatchBytes: 1 << 20).validate(batch, nowMs: GoldenFiles.baseTimestampMs)
  }

  @Test func `an answer is the same frame`() throws {
    let stored = BatchResult(baseOffset: 42, appendTimestampMs: GoldenFiles.baseTimestampMs + 1000)
    let message = try ProduceResponse(results: [ProduceResult(batches: [stored])]).encoded()
    var bytes = ByteBuffer()
    FrameEncoder().writeResponsePrefix(7, messageBytes: message.readableBytes, to: &bytes)
    bytes.writeImmutableBuffer(message)
    #expect(try bytes == GoldenFiles.read("response.frame"))
  }

  @Test func `a failure is the same frame, its details included`() throws {
    let limits = try Limits(maxFrameBytes: 16 << 20).encoded()
    let status = Status(
      code: StatusCode.alreadyExists.rawValue, message: "topic 'golden' exists", error: .topicExists,
      details: [StatusDetail(type: "tailrace.v1.Limits", value: limits)])
    var bytes = ByteBuffer()
    let header = ResponseHeader(callID: 8, status: status, endOfStream: true)
    try FrameEncoder().writeResponse(header, message: ByteBuffer(), to: &bytes)
    #expect(try bytes == GoldenFiles.read("error.frame"))
    let back = try ResponseHeaderScan(frame("error.frame").header, arena: Arena())
    #expect(back.failure == RPCError(.alreadyExists, "topic 'golden' exists", error: .topicExists))
  }
}
