import NIOCore
import TailraceWire

/// Makes what strangers send. The same seed and number make the same bytes.
struct FuzzStrangerScript: Sendable {
  /// The topic that strangers may do to what they like.
  static let topic = "fuzz-strangers"
  /// Bytes of a stranger's sending, at most, but for those that never read.
  private static let maxMessageBytes = 2_000

  /// By the method's name on the wire.
  private static let requests = {
    let methods = DescriptorPool.tailrace.services.flatMap(\.methods)
    return Dictionary(methods.map { ($0.path, $0.input) }, uniquingKeysWith: { first, _ in first })
  }()

  let seed: UInt64

  /// The kind of stranger number `iteration`, and the bytes that it sends.
  func bytes(_ iteration: UInt64) -> (kind: StrangerKind, bytes: [UInt8]) {
    var generator = FuzzGenerator(seed: seed, stream: iteration)
    let kind = generator.pick(StrangerKind.allCases)
    return (kind, bytes(kind, &generator))
  }

  private func bytes(_ kind: StrangerKind, _ generator: inout FuzzGenerator) -> [UInt8] {
    switch kind {
    case .garbagePreface: return generator.bytes(generator.below(64)) + calls(2, &generator)
    case .http:
      let path = String(repeating: "a", count: generator.below(3_000))
      return Array("GET /\(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
    case .otherDoors:
      let doors = [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{03}\u{01}\u{02}\u{00}", "SSH-2.0-x\r\n", "\u{0}\u{0}\u{0}\u{8}",
      ]
      return Array(generator.pick(doors).utf8) + generator.bytes(generator.below(200))
    case .wrongVersion: return preface(version: generator.byte()) + calls(2, &generator)
    case .halfPreface: return Array(preface()[..<generator.below(8)])
    case .mutatedFrames:
      var bytes = calls(1 + generator.below(5), &generator)
      FuzzMutator.damage(&bytes, &generator)
      return preface() + bytes
    case .halfFrame:
      var bytes = calls(1 + generator.below(3), &generator)
      FuzzMutator.truncate(&bytes, &generator)
      return preface() + bytes
    case .hugeLength:
      let length = generator.pick([1 << 24, (1 << 24) + 1, 1 << 31, .max, 0, 1] as [UInt32])
      let header = generator.pick([0, 10, 16 << 10, .max] as [UInt16])
      var buffer = ByteBuffer()
      buffer.writeMultipleIntegers(length, header)
      return preface() + Array(buffer.readableBytesView) + generator.bytes(generator.below(5_000))
    case .pipelinedGarbage: return preface() + calls(2, &generator) + generator.bytes(generator.below(20_000))
    case .validExtremes, .reset: return preface() + calls(1 + generator.below(10), &generator)
    case .sameCallIDs: return preface() + (0..<4).flatMap { _ in call(7, &generator) }
    case .neverReading:
      // As much as the regular client has stored, over and over: from the file, or some of it as records in memory,
      // which takes the broker's time too.
      let target = FetchTarget(topic: FuzzRegular.topic, partition: 0, offset: 0)
      let decode = generator.oneIn(2)
      let fetch = encoded(FetchRequest(targets: [target], decode: decode))
      return preface() + (1...200).flatMap { frame(callID: $0, .logServiceFetch, fetch) }
    case .silent: return generator.oneIn(2) ? [] : preface()
    }
  }

  private func preface(version: UInt8 = Preface.majorVersion) -> [UInt8] {
    var buffer = ByteBuffer()
    ClientPreface(majorVersion: version).write(to: &buffer)
    return Array(buffer.readableBytesView)
  }

  private func calls(_ count: Int, _ generator: inout FuzzGenerator) -> [UInt8] {
    (0..<max(0, count)).flatMap { index in call(UInt64(index) + 1, &generator) }
  }

  /// A well-formed call with values from anywhere in their ranges; sometimes of a method that does not exist.
  private func call(_ callID: UInt64, _ generator: inout FuzzGenerator) -> [UInt8] {
    let method = generator.pick(RPCMethod.allCases)
    let message: [UInt8]
    switch method {
    // By hand: thousands of topics and partitions would measure the disk, not the broker's patience.
    case .adminServiceCreateTopic:
      let count = generator.pick([0, 1, 2, 3, 100_001, 1 << 31, .max] as [UInt32])
      message = encoded(CreateTopicRequest(name: topicName(&generator), partitionCount: count))
    case .adminServiceCreatePartitions:
      let count = generator.pick([0, 1, 2, 4, 100_001, 1 << 31, .max] as [UInt32])
      message = encoded(CreatePartitionsRequest(name: topicName(&generator), partitionCount: count))
    case .logServiceProduce where generator.oneIn(2): message = produce(&generator)
    case .logServiceFetch where generator.oneIn(4): message = fetch(waitMs: 60_000)
    default: message = extremes(method, &generator)
    }
    return frame(callID: callID, generator.oneIn(30) ? nil : method, message)
  }

  private func topicName(_ generator: inout FuzzGenerator) -> String {
    generator.pick([Self.topic, "", "a/b", "..", "__metadata", "fuzz-other", String(repeating: "x", count: 201)])
  }

  private func extremes(_ method: RPCMethod, _ generator: inout FuzzGenerator) -> [UInt8] {
    guard let descriptor = Self.requests["/" + method.fullName] else { return [] }
    var writer = FuzzMessageWriter(generator: generator)
    writer.names = [Self.topic, "__metadata", "fuzz-other", ""]
    if generator.oneIn(5) { writer.fault = generator.pick(FuzzMessageWriter.Fault.allCases) }
    let message = writer.message(descriptor, maxBytes: Self.maxMessageBytes)
    generator = writer.generator
    return Array(message.readableBytesView)
  }

  /// Batches, in order or not, at a partition that is there.
  private func produce(_ generator: inout FuzzGenerator) -> [UInt8] {
    let isDamaged = generator.oneIn(2)
    guard let bytes = try? FuzzBatches.request(damaged: isDamaged, &generator),
      var request = try? ProduceRequest(decoding: ByteBuffer(bytes: bytes)), !request.targets.isEmpty
    else { return [] }
    request.acks = Acks(rawValue: Int32(generator.below(6)) - 1)
    request.targets[0].topic = Self.topic
    return encoded(request)
  }

  private func fetch(waitMs: UInt32) -> [UInt8] {
    encoded(
      FetchRequest(
        targets: [FetchTarget(topic: Self.topic, partition: 0, offset: 0)], minBytes: waitMs == 0 ? 0 : .max,
        maxWaitMs: waitMs))
  }

  private func encoded(_ message: some WireMessage) -> [UInt8] {
    (try? message.encoded()).map { Array($0.readableBytesView) } ?? []
  }

  private func frame(callID: UInt64, _ method: RPCMethod?, _ message: [UInt8]) -> [UInt8] {
    var header = ByteBuffer()
    header.writeInteger(0x08 as UInt8)
    header.writeVarint(callID)
    let name = method?.fullName ?? "tailrace.v1.NoService/NoMethod"
    header.writeMultipleIntegers(0x12 as UInt8, UInt8(truncatingIfNeeded: name.utf8.count))
    header.writeString(name)
    var buffer = ByteBuffer()
    buffer.writeInteger(UInt32(2 + header.readableBytes + message.count))
    buffer.writeInteger(UInt16(header.readableBytes))
    buffer.writeImmutableBuffer(header)
    return Array(buffer.readableBytesView) + message
  }
}
