import Glibc
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// One partition that cannot be opened: it says so, and the others are served.
@Suite struct LostPartitionTests {
  private let partitions = [partitionA, PartitionID(topic: topicA, index: 1)]
  private let healthy = PartitionID(topic: topicA, index: 1)

  private func createAll(_ fixture: LocalFixture) async throws {
    try await fixture.store.create(partitions, topicName: "orders", config: LogConfig(), fence: .local)
  }

  /// A stopped store's directory, three records in each partition.
  private func written(isClean: Bool) async throws -> TestDirectory {
    let fixture = try LocalFixture()
    try await createAll(fixture)
    for partition in partitions { try await fixture.store.append(["a", "b", "c"], to: partition) }
    if isClean { try await fixture.store.close() }
    return try fixture.directory.copy()
  }

  private func topicPath(_ directory: TestDirectory) -> String { "\(directory.path)/topics/orders@\(topicA)" }

  private func expectUnusable(_ fixture: LocalFixture, _ expected: StorageError.Kind, logged: Int = 1) async throws {
    let store = fixture.store
    for offset in [Int64(0), 2, 3, 1_000] {
      #expect(await kind { try await store.result(from: offset) } == expected)
    }
    guard case .refused(let error) = await store.append([try batch(["x"])])[0] else {
      Issue.record("a lost partition took a batch")
      return
    }
    #expect(error.kind == expected && error.message.contains("/orders@\(topicA)/0 "))
    #expect(await kind { try store.bounds(of: partitionA) } == expected)
    #expect(await kind { try await store.firstOffset(atOrAfter: 0) } == expected)
    #expect(try await store.describe(partitionA).fault?.kind == expected)
    #expect(store.awaitAdvance(of: partitionA, past: Offset(3)) {} == nil)
    #expect(fixture.log.lines.filter { $0 == "error: partition cannot be used" }.count == logged)
  }

  private func expectHealthy(_ fixture: LocalFixture) async throws {
    let next = try await fixture.store.append(["next"], to: healthy)
    #expect(next >= 3)
    #expect(try await fixture.store.records(of: healthy).prefix(3).map(\.value) == ["a", "b", "c"])
  }

  @Test(arguments: [true, false]) func `a partition whose segment files are gone is lost at every start, alone`(
    _ isClean: Bool
  ) async throws {
    var directory = try await written(isClean: isClean)
    if !isClean {
      // A start notes in the state file what it found on disk.
      let checked = try LocalFixture(directory)
      try await createAll(checked)
      directory = try directory.copy()
    }
    for path in try directory.files(".log") { try RealFileSystem().removeFile(path) }
    for start in 1...3 {
      let fixture = try LocalFixture(directory)
      try await createAll(fixture)
      try await expectUnusable(fixture, .dataLoss)
      try await expectHealthy(fixture)
      if start == 2 { try await fixture.store.close() }
      directory = try directory.copy()
    }
    #expect(try directory.files(".log").isEmpty)
  }

  @Test func `a topic whose directory is gone since a clean stop is lost at every start and not made anew`()
    async throws
  {
    var directory = try await written(isClean: true)
    try RealFileSystem().removeTree(topicPath(directory))
    for _ in 1...3 {
      let fixture = try LocalFixture(directory)
      try await createAll(fixture)
      try await expectUnusable(fixture, .dataLoss, logged: 2)
      #expect(await kind { try await fixture.store.records(of: healthy) } == .dataLoss)
      directory = try directory.copy()
    }
    #expect(try directory.files(".log").isEmpty)
  }

  @Test func `a directory that is put back is served again`() async throws {
    let directory = try await written(isClean: true)
    let whole = try directory.copy()
    try RealFileSystem().removeTree(topicPath(directory))
    let fixture = try LocalFixture(directory)
    try await createAll(fixture)
    try await expectUnusable(fixture, .dataLoss, logged: 2)
    let mended = try directory.copy()
    try RealFileSystem().removeTree(topicPath(mended))
    try RealFileSystem().rename(topicPath(whole), to: topicPath(mended))
    let reopened = try LocalFixture(mended)
    try await createAll(reopened)
    #expect(try await reopened.store.records().map(\.value) == ["a", "b", "c"])
    try await expectHealthy(reopened)
  }

  @Test func `an empty partition whose directory is gone since a clean stop is made anew`() async throws {
    let fixture = try LocalFixture()
    try await createAll(fixture)
    try await fixture.store.close()
    let copy = try fixture.directory.copy()
    try RealFileSystem().removeTree(topicPath(copy))
    let reopened = try LocalFixture(copy)
    try await createAll(reopened)
    #expect(try await reopened.store.append(["a"]) == 0)
  }

  @Test func `a log that lacks what a clean stop noted is lost there, also without its state file`() async throws {
    var directory = try await written(isClean: true)
    try RealFileSystem().removeFile(try #require(try directory.files("state").first))
    let path = try #require(try directory.files(".log").first)
    try RealFileSystem().open(path, .readWrite).truncate(to: 0)
    for _ in 1...3 {
      let fixture = try LocalFixture(directory)
      try await createAll(fixture)
      #expect(await kind { try await fixture.store.records() } == .dataLoss)
      #expect(try await fixture.store.describe(partitionA).fault?.kind == .dataLoss)
      try await expectHealthy(fixture)
      directory = try directory.copy()
    }
  }

  @Test(arguments: [true, false]) func `an input or output error of one partition leaves the others in use`(
    _ isClean: Bool
  ) async throws {
    let directory = try await written(isClean: isClean)
    let fileSystem = ProbeFileSystem()
    fileSystem.failOpens(under: "\(topicPath(directory))/0", EIO)
    let fixture = try LocalFixture(directory, fileSystem: fileSystem)
    try await createAll(fixture)
    try await expectUnusable(fixture, .inputOutput)
    try await expectHealthy(fixture)
    try await fixture.store.close()
    let reopened = try LocalFixture(try directory.copy())
    try await createAll(reopened)
    #expect(try await reopened.store.records().map(\.value) == ["a", "b", "c"])
    try await expectHealthy(reopened)
  }

  @Test func `a new partition that cannot be made is not known`() async throws {
    let directory = try TestDirectory()
    let fileSystem = ProbeFileSystem()
    fileSystem.failOpens(under: "\(topicPath(directory))/0", EIO)
    let fixture = try LocalFixture(directory, fileSystem: fileSystem)
    #expect(await kind { try await createAll(fixture) } == .inputOutput)
    #expect(await kind { try fixture.store.bounds(of: partitionA) } == .unknownPartition)
  }
}
