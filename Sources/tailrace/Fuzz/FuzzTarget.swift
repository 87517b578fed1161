import CTailraceWire
import NIOCore
import TailraceWire

/// The decoders under fire, and what must hold of them whatever comes in.
final class FuzzTarget {
  static let frameLimits = FrameLimits(maxFrameBytes: 1 << 20, maxHeaderBytes: 4_096)
  static let arenaBytes = 256 << 10
  private static let decodeLimits = DecodeLimits(maxBytes: 1 << 20, maxDepth: 32, arenaBytes: arenaBytes)
  private static let nowMs: Int64 = 1 << 41

  private let types: [FuzzType]
  private let requestTypes: [RPCMethod: FuzzType]
  /// The shim's own arena: what it handed out can be seen.
  private let measured: OpaquePointer
  private let arena = Arena(initialBytes: 4_096, limitBytes: arenaBytes)
  private let encodeArena = Arena(initialBytes: 4_096, limitBytes: 64 << 20)
  private let headerArena = Arena(initialBytes: 1_024, limitBytes: arenaBytes)
  private var validator = BatchValidator(maxBatchBytes: 1 << 20)
  /// Some header, to be filled with what comes.
  private let template: RecordBatchHeader
  private var nextType = 0

  private(set) var greatestArenaUse = 0
  /// What became of one input.
  struct Outcome {
    var frames = 0
    var messagesAccepted = 0
    var messagesRefused = 0
    var batchesAccepted = 0
    var batchesRefused = 0
  }

  init(types: [FuzzType]) throws(FuzzFailure) {
    guard let measured = trw_arena_create(4_096, Self.arenaBytes) else { throw FuzzFailure("out of memory") }
    self.measured = measured
    self.types = types
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    builder.append(key: nil, value: nil, timestampMs: 0)
    do throws(RecordBatchError) { template = try builder.build().header } catch { throw FuzzFailure("\(error)") }
    var requestTypes: [RPCMethod: FuzzType] = [:]
    for method in RPCMethod.allCases {
      requestTypes[method] = types.first {
        $0.descriptor.fullName == method.requestName || $0.descriptor.fullName.hasSuffix("." + method.requestName)
      }
    }
    guard requestTypes.count == RPCMethod.allCases.count else { throw FuzzFailure("a method has no request type") }
    self.requestTypes = requestTypes
    validator.maxDecompressedBytes = 1 << 20
  }

  deinit { trw_arena_destroy(measured) }

  /// Decodes an input, in up to three parts. Throws where something does not hold that must.
  func run(_ input: FuzzInput, _ generator: inout FuzzGenerator) throws(FuzzFailure) -> Outcome {
    var outcome = Outcome()
    var decoder = FrameDecoder(limits: Self.frameLimits)
    var rest = ByteBuffer(bytes: input.stream)
    let total = rest.readableBytes
    var taken = 0
    var frames: [Frame] = []
    var refusal: FrameError?
    do throws(FrameError) {
      while rest.readableBytes > 0 {
        let count = generator.oneIn(2) ? rest.readableBytes : 1 + generator.below(rest.readableBytes)
        if let part = rest.readSlice(length: count) { decoder.receive(part) }
        while let frame = try decoder.next() {
          outcome.frames += 1
          taken += 6 + frame.header.readableBytes + frame.message.readableBytes
          frames.append(frame)
        }
      }
    } catch {
      refusal = error
    }
    for frame in frames { try take(frame, of: input, &outcome) }
    if let error = refusal {
      guard !input.kind.hasWholeFrames else { throw FuzzFailure("a well-formed frame was refused: \(error)") }
      guard taken <= total else { throw FuzzFailure("frames of \(taken) bytes out of \(total)") }
      return outcome
    }
    guard taken + decoder.partialBytes == total else {
      throw FuzzFailure("of \(total) bytes, \(taken) are in frames and \(decoder.partialBytes) wait")
    }
    guard !input.kind.hasWholeFrames || outcome.frames == input.frameCount else {
      throw FuzzFailure("\(outcome.frames) frames out of \(input.frameCount)")
    }
    return outcome
  }

  private func take(_ frame: Frame, of input: FuzzInput, _ outcome: inout Outcome) throws(FuzzFailure) {
    guard frame.header.readableBytes <= Self.frameLimits.maxHeaderBytes else {
      throw FuzzFailure("a header of \(frame.header.readableBytes) bytes")
    }
    let scan = try? RequestHeaderScan(frame.header)
    _ = try? ResponseHeaderScan(frame.header, arena: headerArena, limits: Self.frameLimits)
    let header = try? RequestHeader(decoding: frame.header, arena: headerArena)
    if let scan, let header, scan.callID != header.callID || scan.credit != header.credit {
      throw FuzzFailure("scan and decoder read different headers")
    }
    if scan?.method == nil { _ = RequestHeaderScan.methodName(in: frame.header) }
    let isAccepted = try decode(input.type, frame.message, &outcome)
    guard isAccepted || !input.kind.isWellFormed else {
      throw FuzzFailure("a well-formed \(input.type.descriptor.fullName) was refused")
    }
    if input.kind == .batch && outcome.batchesAccepted == 0 { throw FuzzFailure("a batch in order was refused") }
    if let method = scan?.method, let type = requestTypes[method] { _ = try decode(type, frame.message, &outcome) }
    nextType = (nextType + 1) % types.count
    _ = try decode(types[nextType], frame.message, &outcome)
  }

  private func decode(_ type: FuzzType, _ bytes: ByteBuffer, _ outcome: inout Outcome) throws(FuzzFailure) -> Bool {
    let isAccepted = try decode(type.type, bytes, &outcome)
    if isAccepted { outcome.messagesAccepted += 1 } else { outcome.messagesRefused += 1 }
    return isAccepted
  }

  private func decode<M: WireMessage>(
    _: M.Type, _ bytes: ByteBuffer, _ outcome: inout Outcome
  ) throws(FuzzFailure) -> Bool {
    let status = try unpack(M.self, bytes)
    guard let message = try? M(decoding: bytes, arena: arena, limits: Self.decodeLimits) else {
      // What slices take on top may be too much where a copy was not, and the other way round.
      guard status != TRW_OK || M.payloadPath.count > 0 else {
        throw FuzzFailure("\(M.fullName) can be unpacked and not decoded")
      }
      return false
    }
    guard status == TRW_OK || status == TRW_TOO_LARGE else {
      throw FuzzFailure("\(M.fullName) can be decoded and not unpacked")
    }
    guard arena.usedBytes == 0 else { throw FuzzFailure("decoding \(M.fullName) left its arena in use") }
    try checkRoundTrip(message)
    if let request = message as? ProduceRequest {
      for target in request.targets { for batch in target.batches { try check(batch, &outcome) } }
    } else if let batch = message as? RecordBatch {
      try check(batch, &outcome)
    }
    return true
  }

  /// Unpacks as the shim does, and looks at what the arena handed out.
  private func unpack<M: WireMessage>(_: M.Type, _ bytes: ByteBuffer) throws(FuzzFailure) -> trw_status {
    var limits = trw_unpack_limits(
      max_bytes: Self.decodeLimits.maxBytes, max_depth: Self.decodeLimits.maxDepth)
    var error = trw_unpack_error()
    let isUnpacked = bytes.withUnsafeReadableBytes { bytes in
      trw_unpack(
        M.cDescriptor, measured, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &limits, &error)
        != nil
    }
    let used = trw_arena_used(measured)
    trw_arena_reset(measured)
    greatestArenaUse = max(greatestArenaUse, used)
    guard used <= Self.arenaBytes else { throw FuzzFailure("\(M.fullName) took \(used) bytes of the arena") }
    guard isUnpacked == (error.status == TRW_OK) else { throw FuzzFailure("\(M.fullName): result and status differ") }
    return error.status
  }

  private func checkRoundTrip<M: WireMessage>(_ message: M) throws(FuzzFailure) {
    var encoded = ByteBuffer()
    let isEncoded = (try? message.encode(into: &encoded, arena: encodeArena)) != nil
    guard isEncoded else { throw FuzzFailure("\(M.fullName) was decoded and cannot be encoded") }
    guard let again = try? M(decoding: encoded, arena: encodeArena) else {
      throw FuzzFailure("\(M.fullName) was encoded and cannot be decoded")
    }
    // Not a number is not equal to itself.
    guard again == message || message != message else {
      throw FuzzFailure("\(M.fullName) is another one after encoding and decoding")
    }
  }

  private func check(_ batch: RecordBatch, _ outcome: inout Outcome) throws(FuzzFailure) {
    guard let validated = try? validator.validate(batch, nowMs: Self.nowMs) else {
      outcome.batchesRefused += 1
      checkStored(batch)
      return
    }
    outcome.batchesAccepted += 1
    guard CRC32C.checksum(batch.records) == batch.recordsCRC32C else {
      throw FuzzFailure("a batch with a wrong checksum was accepted")
    }
    var count: UInt32 = 0
    do throws(RecordBatchError) {
      var reader = try RecordBatchReader(
        header: validated.header, records: validated.records, maxDecompressedBytes: 1 << 20)
      while let record = try reader.next() {
        guard record.offset.rawValue == Int64(count), record.timestampMs >= 0 else { break }
        count += 1
      }
    } catch {
      throw FuzzFailure("an accepted batch cannot be read: \(error)")
    }
    guard count == batch.recordCount else {
      throw FuzzFailure("an accepted batch of \(batch.recordCount) records has \(count) in order")
    }
    try checkHeader(validated.header)
  }

  /// A batch as a damaged log or a hostile broker may send it: read as far as it goes.
  private func checkStored(_ batch: RecordBatch) {
    if let header = try? RecordBatchHeader(checking: batch) { read(header, batch.records) }
    var header = template
    header.recordCount = batch.recordCount
    header.lastOffsetDelta = batch.lastOffsetDelta
    header.baseTimestampMs = batch.baseTimestampMs
    header.attributes = BatchAttributes(rawValue: batch.attributes)
    header.recordsLength = UInt32(clamping: batch.records.readableBytes)
    header.recordsCRC32C = CRC32C.checksum(batch.records)
    read(header, batch.records)
    header.baseOffset = Offset(.max)
    read(header, batch.records)
  }

  private func read(_ header: RecordBatchHeader, _ records: ByteBuffer) {
    guard var reader = try? RecordBatchReader(header: header, records: records, maxDecompressedBytes: 1 << 20) else {
      return
    }
    while (try? reader.next()) != nil {}
  }

  /// The header's bytes are read back, and with one bit changed they are not.
  private func checkHeader(_ header: RecordBatchHeader) throws(FuzzFailure) {
    var buffer = ByteBuffer()
    header.write(to: &buffer)
    func parsed(_ buffer: ByteBuffer) -> RecordBatchHeader? {
      buffer.withUnsafeReadableBytes { try? RecordBatchHeader(parsing: $0) }
    }
    guard parsed(buffer) == header else { throw FuzzFailure("a header is not read as it was written") }
    let bit = Int(header.recordsCRC32C % UInt32(8 * RecordBatchHeader.byteCount))
    if let byte = buffer.getInteger(at: buffer.readerIndex + bit / 8, as: UInt8.self) {
      buffer.setInteger(byte ^ 1 << UInt8(bit % 8), at: buffer.readerIndex + bit / 8)
    }
    guard parsed(buffer) == nil else { throw FuzzFailure("bit \(bit) of a header was changed and nobody noticed") }
  }
}
