import Glibc
import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A start after a kill, on a disk without any space left.
@Suite struct FullDiskStartTests {
  private func open(_ directory: TestDirectory, isFull: Bool) throws -> LocalLogStore {
    let fileSystem = HookedFileSystem()
    if isFull {
      fileSystem.set { change in
        switch change {
        // In place segments are written to again, which takes no space.
        case .create: ENOSPC
        case .write(let path): path.hasSuffix(".log") ? nil : ENOSPC
        default: nil
        }
      }
    }
    return try LocalLogStore(
      directory: directory.path, fileSystem: fileSystem, clock: ManualClock(), logger: RecordedLog().logger,
      options: .alone)
  }

  @Test(arguments: [false, true]) func `what is there can be read, and once there is space all is as ever`(
    _ isTorn: Bool
  ) async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(segmentBytes: 500))
    for number in 0..<12 { try await fixture.store.append(["\(number)"]) }
    let directory = try fixture.directory.copy()
    let path = try #require(try directory.files(".log").last)
    let whole = try TestDirectory.read(path)
    if isTorn {
      var torn = whole
      torn.writeBytes([RecordBatchHeader.firstTag, 1, 2, 3])
      try TestDirectory.write(torn, to: path)
    }
    let expected = (0..<12).map { "\($0)" }

    for _ in 0..<2 {
      let full = try open(directory, isFull: true)
      try await full.create()
      for offset in 0..<12 {
        #expect(try await full.records(from: Int64(offset)).first?.value == expected[offset])
      }
      #expect(try await full.describe(partitionA).fault?.kind == .failed)
      guard case .refused(let refusal) = await full.append([try batch(["x"])])[0] else { return fail("not refused") }
      #expect(refusal.kind == .failed)
      // Nothing is cut that could not be kept aside.
      #expect(try TestDirectory.read(path).readableBytes == whole.readableBytes + (isTorn ? 4 : 0))
      _ = await kind { try await full.close() }
    }

    let store = try open(directory, isFull: false)
    try await store.create()
    #expect(try await store.allRecords(maxBytes: 300).map(\.value) == expected)
    #expect(try directory.files(".torn").count == (isTorn ? 1 : 0))
    #expect(try await store.append(["12"]) == 12)
  }
}
