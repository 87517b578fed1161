import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite struct ProtobufJSONRoundTripTests {
  @Test func `random messages of every type survive the way to JSON and back`() throws {
    var generator = SeededGenerator(for: #function)
    let types = DescriptorPool.tailrace.messages + [try AllKinds.descriptor()]
    var longest = 0
    for type in types {
      for _ in 0..<50 {
        let message = randomMessage(type, depth: 0, using: &generator)
        let json = try ProtobufJSON.encode(message, as: type)
        let decoded = try ProtobufJSON.decode(json, as: type)
        let again = try ProtobufJSON.encode(decoded, as: type)
        try #require(again == json, "\(type.fullName), seed \(generator.seed)")
        // What was decoded is in its one canonical form.
        try #require(try ProtobufJSON.decode(again, as: type) == decoded)
        var options = ProtobufJSON.EncodingOptions(
          alwaysPrintsFieldsWithoutPresence: true, preservesProtoNames: true, isPretty: true)
        options.maxDepth = 64
        let verbose = try ProtobufJSON.encode(message, as: type, options: options)
        try #require(try ProtobufJSON.decode(verbose, as: type) == decoded)
        longest = max(longest, json.utf8.count)
      }
    }
    #expect(longest > 100)
  }

  @Test func `mutated messages are converted or refused, never a trap`() throws {
    var generator = SeededGenerator(for: #function)
    let type = try AllKinds.descriptor()
    var converted = 0
    var refused = 0
    for _ in 0..<(environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 20_000) {
      var bytes = Array(randomMessage(type, depth: 1, using: &generator).readableBytesView)
      if bytes.count > 400 { bytes.removeLast(bytes.count - 400) }
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      guard let json = try? ProtobufJSON.encode(ByteBuffer(bytes: bytes), as: type) else {
        refused += 1
        continue
      }
      converted += 1
      let decoded = try ProtobufJSON.decode(json, as: type)
      try #require(try ProtobufJSON.encode(decoded, as: type) == json)
    }
    #expect(converted > 0 && refused > 0)
  }
}

/// A message with random fields, in random order, repeated at random.
private func randomMessage(
  _ type: MessageDescriptor, depth: Int, using generator: inout SeededGenerator
) -> ByteBuffer {
  var builder = WireBuilder()
  for field in type.fields.shuffled(using: &generator) where Bool.random(using: &generator) {
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      if case .message = field.kind {
        guard depth < 3, let child = type.messageType(of: field) else { continue }
        // A message that contains itself would else grow without end.
        if depth > 0 && child.fullName == type.fullName { continue }
        builder.bytes(field.number, randomMessage(child, depth: depth + 1, using: &generator).readableBytesView)
      } else if field.isRepeated && field.kind.isPackable && Bool.random(using: &generator) {
        var run = WireBuilder()
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
          writeRandomScalar(field, to: &run, withTag: false, using: &generator)
        }
        builder.bytes(field.number, run.buffer.readableBytesView)
      } else {
        writeRandomScalar(field, to: &builder, withTag: true, using: &generator)
      }
    }
  }
  if Bool.random(using: &generator) { builder.varint(536_870_911, 1) }
  return builder.buffer
}

private func writeRandomScalar(
  _ field: FieldDescriptor, to builder: inout WireBuilder, withTag: Bool, using generator: inout SeededGenerator
) {
  let bits =
    [0, 1, .max, 1 << 63, UInt64.random(in: 0...300, using: &generator), generator.next()]
    .randomElement(using: &generator) ?? 0
  if withTag { builder.raw(UInt64(field.number) << 3 | UInt64(field.kind.wireType)) }
  switch field.kind.wireType {
  case 0: builder.raw(bits)
  case 1: builder.little(bits)
  case 5: builder.little(UInt32(truncatingIfNeeded: bits))
  default:
    let characters: [Character] = ["a", "\u{e9}", "\u{1f600}", "\"", "\\", "\n", "\u{1}", "\u{2028}"]
    let text = (0..<Int.random(in: 0...5, using: &generator)).compactMap { _ in
      characters.randomElement(using: &generator)
    }
    builder.raw(UInt64(String(text).utf8.count))
    builder.append(String(text).utf8)
  }
}
