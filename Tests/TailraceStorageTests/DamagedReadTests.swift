import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Reads of logs that were damaged after a stop in order, so that no recovery has looked at them, and that have no index
/// files, so that headers are looked at.
@Suite struct DamagedReadTests {
  /// Twelve batches of one record each, three to a segment, closed in order.
  private func closedLog() async throws -> TestDirectory {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: config)
    for index in 0..<12 { try await fixture.store.append(["\(index % 10)"]) }
    try await fixture.store.close()
    let copy = try fixture.directory.copy()
    for path in try copy.files("index") { try RealFileSystem().removeFile(path) }
    return copy
  }

  private var config: LogConfig {
    get throws { LogConfig(segmentBytes: 3 * (try batch(["0"]).byteCount)) }
  }

  private func open(_ directory: TestDirectory) async throws -> LocalFixture {
    let fixture = try LocalFixture(directory)
    try await fixture.store.create(config: config)
    #expect(try fixture.store.bounds(of: partitionA).highWatermark == Offset(12))
    #expect(try fixture.store.bounds(of: partitionA).partitionEpoch == 0)
    return fixture
  }

  /// What a read at each offset gives: the first record's value, or the error.
  private func reads(_ store: LocalLogStore) async -> [String] {
    var found: [String] = []
    for offset in 0..<12 {
      do {
        found.append(try await store.records(from: Int64(offset), maxBytes: 1).first?.value ?? "empty")
      } catch {
        found.append((error as? StorageError).map { "\($0.kind)" } ?? "\(error)")
      }
    }
    return found
  }

  /// Takes the batches at `positions` of three out of a segment's file.
  private func remove(_ positions: Set<Int>, fromSegment index: Int, in directory: TestDirectory) throws {
    let size = try batch(["0"]).byteCount
    let path = try directory.files(".log")[index]
    let whole = try TestDirectory.read(path)
    var rest = ByteBuffer()
    for position in 0..<3 where !positions.contains(position) {
      rest.writeImmutableBuffer(try #require(whole.getSlice(at: position * size, length: size)))
    }
    try TestDirectory.write(rest, to: path)
  }

  @Test(arguments: [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]] as [Set<Int>])
  func `an offset that no batch holds is reported as lost and the others are served`(
    _ removed: Set<Int>
  ) async throws {
    let directory = try await closedLog()
    try remove(removed, fromSegment: 1, in: directory)
    let fixture = try await open(directory)
    let expected = (0..<12).map { removed.contains($0 - 3) ? "dataLoss" : "\($0 % 10)" }
    #expect(await reads(fixture.store) == expected)
  }

  @Test func `offsets of a segment that is gone are reported as lost and the others are served`() async throws {
    let directory = try await closedLog()
    try RealFileSystem().removeFile(try directory.files(".log")[2])
    let fixture = try await open(directory)
    let expected = (0..<12).map { (6..<9).contains($0) ? "dataLoss" : "\($0 % 10)" }
    #expect(await reads(fixture.store) == expected)
  }

  /// Flips a bit in the header of the batch at `position` of three in a segment's file.
  private func damage(_ position: Int, ofSegment index: Int, in directory: TestDirectory) throws {
    let path = try directory.files(".log")[index]
    var bytes = try TestDirectory.read(path)
    let at = position * (try batch(["0"]).byteCount) + 20
    bytes.setInteger(try #require(bytes.getInteger(at: at, as: UInt8.self)) ^ 4, at: at)
    try TestDirectory.write(bytes, to: path)
  }

  @Test(arguments: 0..<3) func `what lies below a damaged batch is served, what lies above is reported as lost`(
    _ position: Int
  ) async throws {
    let directory = try await closedLog()
    try damage(position, ofSegment: 1, in: directory)
    let fixture = try await open(directory)
    let expected = (0..<12).map { (3 + position..<6).contains($0) ? "dataLoss" : "\($0 % 10)" }
    #expect(await reads(fixture.store) == expected)
    // A read with room for more ends before the damage.
    if position > 0 {
      #expect(try await fixture.store.records(from: 3).map(\.offset) == (3..<3 + Int64(position)).map { $0 })
    }
    #expect(await kind { try await fixture.store.firstOffset(atOrAfter: 2_000) } == .dataLoss)
    #expect(try await fixture.store.firstOffset(atOrAfter: 1_000)?.offset == .zero)
  }

  @Test func `batches that follow a damaged one after the start are served`() async throws {
    let directory = try await closedLog()
    try damage(1, ofSegment: 3, in: directory)
    let fixture = try await open(directory)
    try await fixture.store.configure(topic: topicA, config: LogConfig(), fence: .local)
    try await fixture.store.append(["after"])
    #expect(await reads(fixture.store) == (0..<12).map { $0 > 9 ? "dataLoss" : "\($0 % 10)" })
    #expect(try await fixture.store.records(from: 12).map(\.value) == ["after"])
  }

  @Test func `a damaged segment is scanned once`() async throws {
    let fixture = try LocalFixture()
    let large = try batch([String(repeating: "x", count: 100_000)])
    try await fixture.store.create(config: LogConfig(segmentBytes: 20 * large.byteCount))
    _ = await fixture.store.append(Array(repeating: large, count: 21))
    try await fixture.store.close()
    let directory = try fixture.directory.copy()
    for path in try directory.files("index") { try RealFileSystem().removeFile(path) }
    let path = try directory.files(".log")[0]
    var bytes = try TestDirectory.read(path)
    bytes.setInteger(UInt8(0xFF), at: 19 * large.byteCount + 20)
    try TestDirectory.write(bytes, to: path)
    let reopened = try LocalFixture(directory)
    try await reopened.store.create()
    #expect(await kind { try await reopened.store.result(from: 19) } == .dataLoss)
    let before = reopened.fileSystem.counts.segmentReadBytes
    for _ in 0..<10 { #expect(await kind { try await reopened.store.result(from: 19) } == .dataLoss) }
    #expect(reopened.fileSystem.counts.segmentReadBytes - before < 200_000)
  }
}
