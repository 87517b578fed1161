import NIOCore
import SwiftProtobuf
import TailraceWire
import Testing

@Suite("Messages agree with an independent implementation")
struct MessageRoundTripTests {
  private static let rounds = 60

  @Test(
    "What we encode, swift-protobuf decodes to the same values, and we decode what it makes of them",
    arguments: 0..<allMessages.count)
  func ourMessagesSurvive(index: Int) throws {
    try checkOurs(allMessages[index], seed: RandomValues.runSeed &+ UInt64(index))
  }

  @Test(
    "What swift-protobuf encodes, we decode to the same values, and it decodes what we make of them",
    arguments: 0..<allMessages.count)
  func independentMessagesSurvive(index: Int) throws {
    try checkTheirs(allMessages[index], seed: RandomValues.runSeed &+ UInt64(index))
  }

  @Test(
    "The empty message takes no bytes, and no bytes are the empty message",
    arguments: 0..<allMessages.count)
  func emptyMessages(index: Int) throws {
    func check<M: IndependentlyChecked>(_: M.Type) throws {
      #expect(try M().encoded().readableBytes == 0)
      #expect(try M(decoding: ByteBuffer()) == M())
      #expect(M().differences(from: M.Independent()) == [])
    }
    try check(allMessages[index])
  }

  private func checkOurs<M: IndependentlyChecked>(_: M.Type, seed: UInt64) throws {
    var values = RandomValues(seed: seed)
    let arena = Arena()
    for round in 0..<Self.rounds {
      let message = M.random(&values)
      var encoded = ByteBuffer()
      try message.encode(into: &encoded, arena: arena)
      let independent = try M.Independent(serializedBytes: encoded.allBytes)
      #expect(message.differences(from: independent) == [], "\(M.fullName), seed \(seed), round \(round)")
      let back = try M(decoding: try ByteBuffer(serialized: independent), arena: arena)
      #expect(back == message, "\(M.fullName), seed \(seed), round \(round)")
      #expect(arena.usedBytes == 0)
    }
  }

  private func checkTheirs<M: IndependentlyChecked>(_: M.Type, seed: UInt64) throws {
    var values = RandomValues(seed: seed)
    for round in 0..<Self.rounds {
      let independent = M.randomIndependent(&values)
      let message = try M(decoding: try ByteBuffer(serialized: independent))
      #expect(message.differences(from: independent) == [], "\(M.fullName), seed \(seed), round \(round)")
      let back = try M.Independent(serializedBytes: message.encoded().allBytes)
      #expect(back == independent, "\(M.fullName), seed \(seed), round \(round)")
    }
  }
}
