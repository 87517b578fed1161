import NIOCore
import TailraceStorage
import TailraceWire
import Testing

@testable import TailraceBroker

/// The answer to one batch, which is written without the library's help.
@Suite struct ShortAnswerTests {
  /// Where a varint grows by a byte, zero, and both ends.
  static let numbers: [Int64] = [0, 1, 127, 128, 16_383, 16_384, 1 << 56, .max, -1]

  private func check(_ outcome: AppendOutcome, _ expected: BatchResult) throws {
    guard case .short(let message) = Response(outcome) else {
      Issue.record("\(outcome) is not answered by a short message")
      return
    }
    let response = ProduceResponse(results: [ProduceResult(batches: [expected])])
    let bytes = message.withUnsafeBytes { Array($0) }
    #expect(bytes == Array(try response.encoded().readableBytesView), "\(outcome)")
    #expect(message.count == bytes.count)
    #expect(try ProduceResponse(decoding: ByteBuffer(bytes: bytes)) == response)
  }

  @Test(arguments: numbers, numbers)
  func `a batch that is stored is answered by the very bytes that protobuf-c makes of it`(
    offset: Int64, timestampMs: Int64
  ) throws {
    let batch = AppendedBatch(baseOffset: Offset(offset), appendTimestampMs: timestampMs)
    try check(.appended(batch), BatchResult(baseOffset: offset, appendTimestampMs: timestampMs))
    try check(
      .duplicate(batch), BatchResult(baseOffset: offset, appendTimestampMs: timestampMs, duplicate: true))
  }

  @Test func `a batch that is not stored, or perhaps, is answered with what is wrong`() throws {
    let failures: [(AppendOutcome, ErrorCode)] = [
      (.refused(StorageError(.full, "no space left")), .storageFull),
      (.unknown(StorageError(.inputOutput, "fsync EIO")), .unknownOutcome),
    ]
    for (outcome, code) in failures {
      guard case .message(let bytes) = Response(outcome) else {
        Issue.record("\(outcome) is not answered by a message")
        continue
      }
      let results = try ProduceResponse(decoding: bytes).results
      #expect(results.map { $0.batches.map(\.baseOffset) } == [[-1]])
      #expect(results.map { $0.batches.map { $0.error?.code } } == [[code]])
    }
  }

  @Test(arguments: [false, true])
  func `its frame is that of a message of any length`(isReconnectAdvised: Bool) throws {
    let batch = AppendedBatch(baseOffset: Offset(300), appendTimestampMs: 1_700_000_000_000)
    guard case .short(let message) = Response(.appended(batch)) else { return #expect(Bool(false)) }
    var short = ByteBuffer()
    let count = message.withUnsafeBytes {
      FrameEncoder().writeResponse(9, $0, reconnectAdvised: isReconnectAdvised, to: &short)
    }
    let bytes = ByteBuffer(bytes: message.withUnsafeBytes { Array($0) })
    var long = ByteBuffer()
    try FrameEncoder().writeResponse(
      ResponseHeader(callID: 9, endOfStream: true, reconnectAdvised: isReconnectAdvised), message: bytes, to: &long)
    #expect(short == long)
    #expect(count == short.readableBytes)
  }
}
