import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Reads of logs that were damaged after a stop in order, so that no recovery has looked at them.
@Suite struct DamagedReadTests {
  /// Twelve batches of one record each, three to a segment, closed in order.
  private func closedLog() async throws -> TestDirectory {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: config)
    for index in 0..<12 { try await fixture.store.append(["\(index % 10)"]) }
    try await fixture.store.close()
    return try fixture.directory.copy()
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
}
