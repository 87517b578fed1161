import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// The search past damage, where what lies there only looks like batches.
@Suite struct BatchSearchTests {
  /// Bytes of forged headers, one after the other, each claiming `claimed` bytes of records.
  private func forged(_ count: Int, claimed: Int, baseOffset: Int64 = 1 << 40) throws -> ByteBuffer {
    var header = try batch(["x"]).header
    header.baseOffset = Offset(baseOffset)
    header.durableEnd = Offset(baseOffset)
    header.recordsLength = UInt32(claimed)
    header.recordsCRC32C = 0xDEAD_BEEF
    var bytes = ByteBuffer()
    for _ in 0..<count { header.write(to: &bytes) }
    return bytes
  }

  private func search(_ bytes: ByteBuffer) throws -> (BatchSearch.Result, checksummed: Int, read: Int) {
    let directory = try TestDirectory()
    let path = "\(directory.path)/x.log"
    try TestDirectory.write(bytes, to: path)
    let fileSystem = ProbeFileSystem()
    let scanner = BatchScanner(
      file: try fileSystem.open(path, .read), byteCount: bytes.readableBytes, windowBytes: 1 << 16)
    var search = BatchSearch(scanner: scanner, byteCount: bytes.readableBytes, expected: Offset(1))
    let result = try search.search(from: 0)
    return (result, search.checksummedBytes, fileSystem.counts.segmentReadBytes)
  }

  @Test(arguments: [1_000, 100_000, 1 << 20]) func `forged headers cost a few times their bytes and leave it in doubt`(
    _ claimed: Int
  ) throws {
    let bytes = try forged(20_000, claimed: claimed)
    let (result, checksummed, read) = try search(bytes)
    #expect(result.isBrokenOff && result.provenEnd == .zero)
    #expect(checksummed > 0 && checksummed <= BatchSearch.maxChecksums * bytes.readableBytes)
    #expect(read <= 4 * BatchSearch.maxChecksums * bytes.readableBytes)
  }

  @Test func `what claims more than any batch may have is passed over without a look at its records`() throws {
    var bytes = try forged(10, claimed: LogConfig.maxBatchBytesCeiling)
    bytes.writeRepeatingByte(0, count: 10 << 20)
    let (result, checksummed, _) = try search(bytes)
    #expect(result == BatchSearch.Result(provenEnd: .zero))
    #expect(checksummed == 0)
  }

  @Test func `a header whose own checksum fails costs no look at its records`() throws {
    var bytes = try forged(1, claimed: 1_000)
    bytes.setInteger(UInt8(0xFF), at: 107)
    bytes.writeRepeatingByte(0, count: 2_000)
    #expect(try search(bytes).checksummed == 0)
  }

  @Test func `a real batch is found behind a few forged ones`() throws {
    var bytes = try forged(3, claimed: 200)
    let real = try batch([String(repeating: "r", count: 1_000)])
    var header = real.header
    header.baseOffset = Offset(9)
    header.durableEnd = Offset(7)
    header.write(to: &bytes)
    bytes.writeImmutableBuffer(real.records)
    #expect(try search(bytes).0 == BatchSearch.Result(provenEnd: Offset(7)))
  }

  @Test func `a tail full of forged headers is reported as lost and not cut and costs bounded reads`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    let first = try batch(["a"])
    var builder = RecordSetBuilder(baseTimestampMs: 1_000)
    builder.append(key: nil, value: try forged(8_000, claimed: 900_000), timestampMs: 1_000)
    for next in [first, try builder.build(compression: .none)] {
      guard case .appended = await fixture.store.append([next], .written)[0] else {
        throw UnexpectedOutcome(outcome: "refused")
      }
    }
    let copy = try fixture.directory.copy()
    let path = try #require(try copy.files(".log").first)
    var bytes = try TestDirectory.read(path)
    bytes.setInteger(UInt8(0), at: first.byteCount)
    try TestDirectory.write(bytes, to: path)
    let reopened = try LocalFixture(copy)
    try await reopened.store.create(config: LogConfig(durability: .os))
    #expect(try await reopened.store.records().map(\.value) == ["a"])
    #expect(await kind { try await reopened.store.records(from: 1) } == .dataLoss)
    #expect(try await reopened.store.describe(partitionA).fault?.kind == .dataLoss)
    #expect(reopened.log.lines == ["error: data loss"])
    #expect(try TestDirectory.read(path) == bytes)
    #expect(try copy.files(".torn").isEmpty)
    #expect(reopened.fileSystem.counts.segmentReadBytes < 20 * bytes.readableBytes)
  }

  @Test func `no log takes a batch above the ceiling, whatever its configuration says`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(maxBatchBytes: 1 << 30))
    let large = try batch([String(repeating: "x", count: LogConfig.maxBatchBytesCeiling)], compression: .none)
    guard case .refused(let error) = await fixture.store.append([large])[0] else {
      Issue.record("taken")
      return
    }
    #expect(error.kind == .batchTooLarge)
  }
}
