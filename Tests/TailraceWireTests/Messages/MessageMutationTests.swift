import NIOCore
import SwiftProtobuf
import TailraceWire
import Testing

@Suite("Decoding damaged and unusual messages")
struct MessageMutationTests {
  private static let rounds = 200

  @Test(
    "Where we and swift-protobuf both accept damaged bytes, we read the same, and can write it again",
    arguments: 0..<allMessages.count)
  func mutatedBytes(index: Int) throws {
    try checkMutations(allMessages[index], seed: RandomValues.runSeed &+ UInt64(index))
  }

  @Test(
    "Of two messages one after the other, the later values count and lists are joined",
    arguments: 0..<allMessages.count)
  func concatenation(index: Int) throws {
    try checkConcatenations(allMessages[index], seed: RandomValues.runSeed &+ UInt64(index))
  }

  @Test func `Repeated numbers are read packed and unpacked`() throws {
    let packed: [UInt8] = [0x1a, 0x02, 0x05, 0x07]
    let unpacked: [UInt8] = [0x18, 0x05, 0x18, 0x07]
    for bytes in [packed, unpacked] {
      #expect(try TopicPartitions(decoding: ByteBuffer(bytes: bytes)) == TopicPartitions(partitions: [5, 7]))
    }
  }

  @Test func `A sub-message that occurs twice is refused with its path`() throws {
    let once = try CreateTopicResponse(topic: TopicSummary(name: "a")).encoded().allBytes
    #expect {
      try CreateTopicResponse(decoding: ByteBuffer(bytes: once + once))
    } throws: { error in
      (error as? DecodeError).map { $0.kind == .malformed && $0.path == "topic" } ?? false
    }
  }

  private func singularMessageFields(of fullName: String) throws -> Set<String> {
    let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: Array(DescriptorSet.bytes)).file
    let described = files.flatMap(\.messageType).first { "tailrace.v1.\($0.name)" == fullName }
    let fields = try #require(described).field.filter { $0.type == .message && $0.label != .repeated }
    return Set(fields.map(\.name))
  }

  private func checkMutations<M: IndependentlyChecked>(_: M.Type, seed: UInt64) throws {
    var values = RandomValues(seed: seed)
    for round in 0..<Self.rounds {
      var bytes = try M.random(&values).encoded().allBytes
      for _ in 0...values.below(3) where !bytes.isEmpty {
        // Near the beginning, where structure is, as often as anywhere.
        let position = values.below(values.bool() ? min(bytes.count, 24) : bytes.count)
        switch values.below(4) {
        case 0: bytes[position] = values.integer(UInt8.self)
        case 1: bytes[position] ^= 1 << UInt8(values.below(8))
        case 2: bytes.remove(at: position)
        default: bytes.insert(values.integer(UInt8.self), at: position)
        }
      }
      guard let message = try? M(decoding: ByteBuffer(bytes: bytes)) else { continue }
      #expect(try M(decoding: message.encoded()) == message, "\(M.fullName), seed \(seed), round \(round)")
      guard let independent = try? M.Independent(serializedBytes: bytes) else { continue }
      #expect(message.differences(from: independent) == [], "\(M.fullName), seed \(seed), round \(round): \(bytes)")
    }
  }

  private func checkConcatenations<M: IndependentlyChecked>(_: M.Type, seed: UInt64) throws {
    var values = RandomValues(seed: seed)
    let singular = try singularMessageFields(of: M.fullName)
    for round in 0..<Self.rounds {
      let bytes = try M.random(&values).encoded().allBytes + M.random(&values).encoded().allBytes
      let independent = try M.Independent(serializedBytes: bytes)
      do throws(DecodeError) {
        let message = try M(decoding: ByteBuffer(bytes: bytes))
        #expect(message.differences(from: independent) == [], "\(M.fullName), seed \(seed), round \(round)")
      } catch {
        // The two would have to be merged, which protobuf-c does not do right: the shim refuses.
        #expect(error.kind == .malformed)
        #expect(singular.contains(error.path), "\(M.fullName), seed \(seed), round \(round): \(error)")
      }
    }
  }
}
