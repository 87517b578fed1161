import NIOCore
import TailraceWire

/// What is thrown at the decoders, by the way it is made.
enum FuzzKind: Int, CaseIterable {
  case valid, unknownField, damaged, truncated, spliced, randomBytes, hugeLength, nestingBomb, tinyMessages
  case invalidUTF8, nulInString, wrongWireType, overlongVarint, damagedFrame, batch, damagedBatch

  /// Whether every decoder must take it.
  var isWellFormed: Bool { self == .valid || self == .unknownField || self == .batch }

  /// Whether frames arrive as they were made, so that none may be refused.
  var hasWholeFrames: Bool { self != .damagedFrame }

  fileprivate var writerFault: FuzzMessageWriter.Fault {
    switch self {
    case .unknownField: .unknownField
    case .invalidUTF8: .invalidUTF8
    case .nulInString: .nulInString
    case .wrongWireType: .wrongWireType
    case .overlongVarint: .overlongVarint
    default: .none
    }
  }
}

/// One input: a stream of frames, and the type that its messages were made as.
struct FuzzInput {
  let kind: FuzzKind
  let type: FuzzType
  let stream: [UInt8]
  let frameCount: Int
}

/// Makes inputs. The same seed and number make the same input, whatever was made before.
struct FuzzInputMaker {
  let seed: UInt64
  let types: [FuzzType]
  private let requestHeader: MessageDescriptor?
  private let produceRequest: FuzzType?

  init(seed: UInt64, types: [FuzzType]) {
    self.seed = seed
    self.types = types
    requestHeader = DescriptorPool.tailrace.message(named: RequestHeader.fullName)
    produceRequest = types.first { $0.descriptor.fullName == ProduceRequest.fullName }
  }

  func input(_ iteration: UInt64) throws -> FuzzInput {
    var generator = FuzzGenerator(seed: seed, stream: iteration)
    let kind = generator.pick(FuzzKind.allCases)
    var type = generator.pick(types)
    var stream = ByteBuffer()
    let frameCount = 1 + generator.below(2)
    for _ in 0..<frameCount {
      let message: [UInt8]
      if kind == .batch || kind == .damagedBatch, let produceRequest {
        type = produceRequest
        message = try FuzzBatches.request(damaged: kind == .damagedBatch, &generator)
      } else {
        message = self.message(kind, type, &generator)
      }
      frame(message, &generator, to: &stream)
    }
    var bytes = Array(stream.readableBytesView)
    if kind == .damagedFrame { damageFrame(&bytes, &generator) }
    return FuzzInput(kind: kind, type: type, stream: bytes, frameCount: frameCount)
  }

  private func message(_ kind: FuzzKind, _ type: FuzzType, _ generator: inout FuzzGenerator) -> [UInt8] {
    switch kind {
    case .randomBytes: return generator.bytes(generator.below(300))
    case .hugeLength: return valid(type, .none, &generator) + FuzzMutator.hugeLength(&generator)
    case .nestingBomb: return FuzzMutator.nestingBomb(levels: 1 + generator.below(400), &generator)
    case .tinyMessages:
      let most = generator.oneIn(20) ? 60_000 : 2_000
      return FuzzMutator.tinyMessages(count: generator.below(most), &generator)
    case .spliced:
      let other = generator.pick(types)
      let (left, right) = (valid(type, .none, &generator), valid(other, .none, &generator))
      return FuzzMutator.splice(left, right, &generator)
    case .damaged:
      var bytes = valid(type, .none, &generator)
      FuzzMutator.damage(&bytes, &generator)
      return bytes
    case .truncated:
      var bytes = valid(type, .none, &generator)
      FuzzMutator.truncate(&bytes, &generator)
      return bytes
    default: return valid(type, kind.writerFault, &generator)
    }
  }

  private func valid(
    _ type: FuzzType, _ fault: FuzzMessageWriter.Fault, _ generator: inout FuzzGenerator
  ) -> [UInt8] {
    var writer = FuzzMessageWriter(generator: generator)
    writer.fault = fault
    let bytes = Array(writer.message(type.descriptor).readableBytesView)
    generator = writer.generator
    return bytes
  }

  /// A frame whose header is well-formed; the call it describes need not make sense.
  private func frame(_ message: [UInt8], _ generator: inout FuzzGenerator, to stream: inout ByteBuffer) {
    var header = ByteBuffer()
    if let requestHeader, generator.oneIn(4) {
      var writer = FuzzMessageWriter(generator: generator)
      writer.names += RPCMethod.allCases.prefix(3).map(\.fullName)
      header = writer.message(requestHeader, maxBytes: 500)
      generator = writer.generator
    } else {
      header.writeInteger(0x08 as UInt8)
      header.writeVarint(generator.number())
      let name = generator.pick(RPCMethod.allCases).fullName
      header.writeMultipleIntegers(0x12 as UInt8, UInt8(truncatingIfNeeded: name.utf8.count))
      header.writeString(name)
    }
    stream.writeInteger(UInt32(2 + header.readableBytes + message.count))
    stream.writeInteger(UInt16(header.readableBytes))
    stream.writeImmutableBuffer(header)
    stream.writeBytes(message)
  }

  /// Damages a stream, its lengths as often as all else.
  private func damageFrame(_ bytes: inout [UInt8], _ generator: inout FuzzGenerator) {
    switch generator.below(4) {
    case 0:
      let length = UInt32(truncatingIfNeeded: generator.number())
      withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(0..<4, with: $0) }
    case 1:
      let length = UInt16(truncatingIfNeeded: generator.number())
      withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(4..<6, with: $0) }
    case 2: FuzzMutator.truncate(&bytes, &generator)
    default: FuzzMutator.damage(&bytes, &generator)
    }
  }
}

/// Batches of records, in order or not.
enum FuzzBatches {
  /// A ProduceRequest with a batch. A damaged one has its checksum right half of the time, so that what lies behind the
  /// checksum is reached.
  static func request(damaged: Bool, _ generator: inout FuzzGenerator) throws -> [UInt8] {
    var batch = try batch(&generator).message
    if damaged {
      var records = Array(batch.records.readableBytesView)
      switch generator.below(3) {
      case 0: spoil(&batch, &generator)
      case 1: FuzzMutator.truncate(&records, &generator)
      default: FuzzMutator.damage(&records, &generator)
      }
      batch.records = ByteBuffer(bytes: records)
      if generator.oneIn(2) { batch.recordsCRC32C = CRC32C.checksum(batch.records) }
    }
    let request = ProduceRequest(targets: [ProduceTarget(topic: "t", partition: 0, batches: [batch])])
    return Array(try request.encoded().readableBytesView)
  }

  /// A batch in order: a few small records, sometimes compressed.
  static func batch(_ generator: inout FuzzGenerator) throws -> ValidatedBatch {
    var builder = RecordSetBuilder(baseTimestampMs: Int64(generator.below(1 << 40)))
    for _ in 0...generator.below(6) {
      let headers = (0..<generator.below(3)).map { index in
        Header(key: "h\(index)", value: generator.oneIn(2) ? nil : ByteBuffer(bytes: generator.bytes(4)))
      }
      builder.append(
        key: generator.oneIn(3) ? nil : ByteBuffer(bytes: generator.bytes(generator.below(12))),
        value: generator.oneIn(5) ? nil : ByteBuffer(bytes: generator.bytes(generator.below(60))), headers: headers,
        timestampMs: Int64(generator.below(1 << 40)))
    }
    return try builder.build(compression: generator.oneIn(2) ? .none : generator.pick(Compression.allCases))
  }

  private static func spoil(_ batch: inout RecordBatch, _ generator: inout FuzzGenerator) {
    let number = generator.number()
    switch generator.below(8) {
    case 0: batch.recordCount = UInt32(truncatingIfNeeded: number)
    case 1: batch.lastOffsetDelta = UInt32(truncatingIfNeeded: number)
    case 2: batch.baseTimestampMs = Int64(bitPattern: number)
    case 3: batch.maxTimestampMs = Int64(bitPattern: number)
    case 4: batch.attributes = UInt32(truncatingIfNeeded: number)
    case 5: batch.producerID = Int64(bitPattern: number)
    case 6: batch.baseSequence = UInt32(truncatingIfNeeded: number)
    default: batch.recordsLength = UInt32(truncatingIfNeeded: number)
    }
  }
}
