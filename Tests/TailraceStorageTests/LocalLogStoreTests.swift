import Glibc
import Logging
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What is peculiar to the store on local files.
@Suite struct LocalLogStoreTests {
  @Test func `a segment is begun before one would grow past its bound`() async throws {
    let fixture = try LocalFixture()
    let one = try batch(["0123456789"])
    try await fixture.store.create(config: LogConfig(segmentBytes: 2 * one.byteCount))
    for _ in 0..<5 { _ = await fixture.store.append([one]) }
    _ = await fixture.store.append([try batch([String(repeating: "x", count: 3 * one.byteCount)])])
    _ = await fixture.store.append([one])
    let files = try fixture.directory.files(".log")
    let names = files.map { $0.split(separator: "/").last ?? "" }
    #expect(names == [0, 2, 4, 5, 6].map { LogSegment.fileName(Offset($0)) }.map { Substring($0) })
    let sizes = try files.map { try TestDirectory.read($0).readableBytes }
    #expect(sizes.prefix(3) == [2 * one.byteCount, 2 * one.byteCount, one.byteCount] && sizes[4] == one.byteCount)
    #expect(try await fixture.store.describe(partitionA).segmentCount == 5)
    #expect(try await fixture.store.describe(partitionA).sizeBytes == UInt64(sizes.reduce(0, +)))
    #expect(try await fixture.store.allRecords(maxBytes: 1 << 20).count == 7)
  }

  @Test func `one call may fill several segments`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(segmentBytes: 500))
    let outcomes = await fixture.store.append(try (0..<20).map { try batch(["\($0)"]) })
    #expect(outcomes.count == 20)
    #expect(try await fixture.store.allRecords(maxBytes: 1 << 20).map(\.value) == (0..<20).map { "\($0)" })
    #expect(try fixture.store.bounds(of: partitionA).durableEnd == Offset(20))
  }

  @Test(arguments: [[10, 5_000, 10, 700, 9_000, 800, 20], [5_000], [10], [5_000, 1] + (750...770), [1, 1, 1]])
  func `small batches and large ones of one call lie one after the other`(lengths: [Int]) async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let values = lengths.enumerated().map { String(repeating: "\($0.offset)", count: $0.element) }
    // Twice: the second time into what the first one may have left.
    for _ in 0..<2 { _ = await fixture.store.append(try values.map { try batch([$0]) }) }
    #expect(try await fixture.store.allRecords(maxBytes: 1 << 20).map(\.value) == values + values)
  }

  @Test func `a segment file is a Segment message`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append(["a", "b"])
    try await fixture.store.append(["c"])
    try await fixture.store.close()
    let bytes = try TestDirectory.read(try #require(try fixture.directory.files(".log").first))
    let segment = try Segment(decoding: bytes)
    #expect(segment.batches.map(\.baseOffset) == [0, 2])
    #expect(segment.batches.map(\.recordCount) == [2, 1])
    let set = try RecordSet(decoding: segment.batches[0].records)
    #expect(set.records.map { $0.value.map { String(buffer: $0) } } == ["a", "b"])
  }

  @Test func `large reads come as regions of the file and hold the same bytes`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for index in 0..<100 {
      try await fixture.store.append([String(repeating: "\(index % 10)", count: 2_000)], .written)
    }
    try await fixture.store.append(["end"])
    let copied = try await fixture.store.result(from: 0, form: .bytes)
    let regions = try await fixture.store.result(from: 0, form: .chunks)
    guard case .file = try #require(regions.chunks.first) else {
      Issue.record("\(regions.byteCount) bytes were copied")
      return
    }
    #expect(try bytes(regions) == bytes(copied))
    guard case .bytes = try #require(try await fixture.store.result(from: 100, form: .chunks).chunks.first) else {
      Issue.record("a small read came as a region")
      return
    }
  }

  @Test func `two regions of one file can be used at the same time`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append([String(repeating: "x", count: 100_000)])
    let first = try await fixture.store.result(from: 0, form: .chunks)
    let second = try await fixture.store.result(from: 0, form: .chunks)
    guard case .file(let one) = first.chunks[0] else { throw UnexpectedOutcome(outcome: "copied") }
    let copy = try one.region.fileHandle.withUnsafeFileDescriptor { _ in try bytes(second) }
    #expect(try copy == bytes(first))
  }

  @Test func `a region outlives its topic and its store`() async throws {
    var fixture: LocalFixture? = try LocalFixture()
    try await fixture?.store.create()
    try await fixture?.store.append([String(repeating: "x", count: 100_000)])
    let result = try #require(try await fixture?.store.result(from: 0, form: .chunks))
    try await fixture?.store.drop(topic: topicA, fence: .local)
    try await fixture?.store.close()
    fixture = nil
    #expect(try decode(result).first?.value.utf8.count == 100_000)
  }

  @Test func `taking a waiter back takes no longer when many wait`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    let told = Mutex<[Int]>([])
    let waiters = (0..<30_000).compactMap { number in
      store.awaitAdvance(of: partitionA, past: .zero) { told.withLock { $0.append(number) } }
    }
    #expect(waiters.count == 30_000)
    // Milliseconds, where a search through all of them for each takes many seconds.
    let duration = ContinuousClock().measure {
      for (number, waiter) in waiters.enumerated().reversed() where number % 10_000 != 0 { store.cancel(waiter) }
    }
    #expect(duration < .seconds(3))
    try await store.append(["a"])
    await expectSoon { told.withLock { $0 } == [0, 10_000, 20_000] }
  }

  @Test func `a directory in use is refused until it is closed`() async throws {
    let fixture = try LocalFixture()
    #expect(await kind { try LocalFixture(fixture.directory) } == .incompatible)
    try await fixture.store.close()
    #expect(await kind { try LocalFixture(fixture.directory) } == nil)
  }

  @Test func `the data directory's own entry is on disk before its format is`() async throws {
    // It was made by a start that was broken off.
    let fixture = try LocalFixture()
    let path = fixture.directory.path
    let changes = fixture.fileSystem.changes
    let entry = try #require(changes.firstIndex(of: "sync \(path)/.."))
    let format = try #require(changes.firstIndex(of: "rename to \(path)/format.json"))
    #expect(entry < format)
    try await fixture.store.close()
    let reopened = try LocalFixture(fixture.directory)
    #expect(!reopened.fileSystem.changes.contains("sync \(path)/.."))
  }

  @Test(arguments: [EACCES, EIO]) func `a data directory in a place that must not be looked at is used all the same`(
    _ code: Int32
  ) async throws {
    let directory = try TestDirectory()
    let fileSystem = ProbeFileSystem()
    fileSystem.failSyncs(ofDirectory: "\(directory.path)/..", code)
    let found = await kind { try LocalFixture(directory, fileSystem: fileSystem) }
    #expect(found == (code == EACCES ? nil : .inputOutput))
    let made = "\(directory.path)/made"
    fileSystem.failSyncs(ofDirectory: "\(made)/..", code)
    #expect(await kind { try DataDirectory.open(made, fileSystem: fileSystem) } == .inputOutput)
  }

  @Test func `a directory of a later release is refused and not touched`() async throws {
    let directory = try TestDirectory()
    let text = ByteBuffer(string: #"{ "format_version": 2, "cluster_id": "x", "more": "y" }"#)
    try TestDirectory.write(text, to: "\(directory.path)/format.json")
    try TestDirectory.write(ByteBuffer(string: "marker"), to: "\(directory.path)/clean-shutdown")
    do {
      _ = try LocalFixture(directory)
      Issue.record("opened")
    } catch let error as StorageError {
      #expect(error.kind == .incompatible && error.message.contains("format 2"))
    }
    #expect(try RealFileSystem().list(directory.path) == ["LOCK", "clean-shutdown", "format.json"])
    #expect(try TestDirectory.read("\(directory.path)/format.json") == text)
  }

  @Test(arguments: [
    "", "{}", "[]", "{\"format_version\":1}", "{\"format_version\":\"1\",\"cluster_id\":\"x\"}",
    "{\"format_version\":1,\"cluster_id\":\"0123456789abcdef0123456789abcdef\"",
    "{\"format_version\":1,\"cluster_id\":\"0123456789abcdef0123456789abcdeF\"}",
    "{\"format_version\":1,\"cluster_id\":\"0123456789abcdef0123456789abcdef\"}x",
    "{\"format_version\":1,\"format_version\":1,\"cluster_id\":\"0123456789abcdef0123456789abcdef\"}",
    "{\"format_version\":01,\"cluster_id\":\"0123456789abcdef0123456789abcdef\"}",
    "{\"format_version\":99999999999999999999,\"cluster_id\":\"0123456789abcdef0123456789abcdef\"}",
  ]) func `a damaged format file is refused`(_ text: String) async throws {
    #expect(await kind { try DataFormatText.parse(text) } == .incompatible)
  }

  @Test func `the cluster id stays`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.close()
    let reopened = try LocalFixture(try fixture.directory.copy())
    #expect(reopened.store.clusterID == fixture.store.clusterID)
    #expect(reopened.store.clusterID.utf8.count == 32)
  }

  @Test func `topics on disk are listed, dropped ones are finished at the next start`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.create(PartitionID(topic: topicB, index: 0))
    #expect(try await fixture.store.topicsOnDisk().map(\.topic) == [topicA, topicB])
    let copy = try fixture.directory.copy()
    let name = "orders@\(topicA)"
    try RealFileSystem().rename("\(copy.path)/topics/\(name)", to: "\(copy.path)/topics/\(name).deleted")
    let reopened = try LocalFixture(copy)
    #expect(try await reopened.store.topicsOnDisk().map(\.topic) == [topicB])
    #expect(try RealFileSystem().list("\(copy.path)/topics") == ["orders@\(topicB)"])
    try await reopened.store.drop(topic: topicB, fence: .local)
    #expect(try await reopened.store.topicsOnDisk().isEmpty)
  }

  @Test func `names that are no topic's are refused and left alone`() async throws {
    let fixture = try LocalFixture()
    for name in ["", "a/b", "..@x", "ä", String(repeating: "x", count: 201)] {
      let result = await kind {
        try await fixture.store.create([partitionA], topicName: name, config: LogConfig(), fence: .local)
      }
      #expect(result == .incompatible)
    }
    #expect(TopicDirectory(name: "orders") == nil && TopicDirectory(name: "lost+found") == nil)
    let directory = TopicDirectory(topicName: "a.b-c_d", topic: topicA)
    #expect(TopicDirectory(name: directory.name) == directory)
    #expect(TopicDirectory(name: directory.deleted.name) == directory.deleted)
  }

  @Test func `another writer is refused`() async throws {
    let fixture = try LocalFixture()
    let other = Fence(writer: 1, epoch: 0)
    let result = await kind {
      try await fixture.store.create([partitionA], topicName: "a", config: LogConfig(), fence: other)
    }
    #expect(result == .fenced)
  }

  @Test func `the clean marker is trusted only as a whole`() {
    var marker = CleanShutdown()
    let entry = CleanShutdown.Entry(
      logEnd: Offset(5), lastSegment: Offset(3), lastSegmentBytes: 99, lastAppendTimestampMs: 7)
    marker.entries[partitionA] = entry
    marker.entries[PartitionID(topic: topicB, index: 4)] = entry
    let text = marker.text
    #expect(CleanShutdown.parse(text).entries == marker.entries)
    #expect(CleanShutdown.parse(CleanShutdown().text).entries.isEmpty)
    for length in 0..<text.utf8.count { #expect(CleanShutdown.parse(String(text.prefix(length))).entries.isEmpty) }
    for index in text.utf8.indices where text[index] != "\n" {
      var changed = text
      changed.replaceSubrange(index...index, with: text[index] == "0" ? "1" : "0")
      #expect(CleanShutdown.parse(changed).entries.isEmpty)
    }
  }
}
