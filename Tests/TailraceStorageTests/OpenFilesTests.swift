@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// How many segment files a store holds open.
@Suite struct OpenFilesTests {
  private let small = LogConfig(segmentBytes: 1)

  private func options(idle: Int) -> LocalLogStore.Options {
    var options = LocalLogStore.Options.alone
    options.idleOpenFiles = idle
    options.unsyncedOpenFiles = idle
    return options
  }

  @Test func `hundreds of segments are written and read with a handful of open files`() async throws {
    let fixture = try LocalFixture(options: options(idle: 4))
    try await fixture.store.create(config: small)
    for index in 0..<200 { try await fixture.store.append(["\(index)"]) }
    let all = (0..<200).map { "\($0)" }
    #expect(try await fixture.store.allRecords(maxBytes: 1_000).map(\.value) == all)
    #expect(fixture.fileSystem.counts.openSegments <= 4)
    #expect(fixture.fileSystem.counts.mostOpenSegments <= 8)
    try await fixture.store.close()
    let reopened = try LocalFixture(try fixture.directory.copy(), options: options(idle: 4))
    try await reopened.store.create(config: small)
    #expect(try await reopened.store.allRecords(maxBytes: 1_000).map(\.value) == all)
    #expect(try await reopened.store.firstOffset(atOrAfter: 2_000) == nil)
    #expect(reopened.fileSystem.counts.mostOpenSegments <= 8)
  }

  @Test func `hundreds of partitions are written and read with a handful of open files`() async throws {
    let fixture = try LocalFixture(options: options(idle: 4))
    let partitions = (0..<100).map { PartitionID(topic: topicA, index: $0) }
    try await fixture.store.create(partitions, topicName: "orders", config: LogConfig(), fence: .local)
    for value in ["a", "b"] {
      for partition in partitions { try await fixture.store.append([value], to: partition) }
    }
    for partition in partitions {
      #expect(try await fixture.store.records(of: partition).map(\.value) == ["a", "b"])
    }
    #expect(fixture.fileSystem.counts.mostOpenSegments <= 8)
  }

  @Test func `finished segments of an os topic are brought to disk and closed`() async throws {
    let fixture = try LocalFixture(options: options(idle: 2))
    try await fixture.store.create(config: LogConfig(durability: .os, segmentBytes: 1))
    for index in 0..<50 { try await fixture.store.append(["\(index)"], .written) }
    await expectSoon { fixture.fileSystem.counts.openSegments <= 3 }
    #expect(try fixture.store.bounds(of: partitionA).durableEnd >= Offset(49))
  }

  @Test func `idle files make way where descriptors have run out`() async throws {
    let fixture = try LocalFixture(options: options(idle: 1_000))
    fixture.fileSystem.limitSegments(6)
    try await fixture.store.create(config: small)
    for index in 0..<50 { try await fixture.store.append(["\(index)"]) }
    #expect(try await fixture.store.allRecords(maxBytes: 1_000).map(\.value) == (0..<50).map { "\($0)" })
    #expect(fixture.fileSystem.counts.mostOpenSegments == 6)
  }

  @Test func `a file with something that is not on disk yet is not closed`() async throws {
    let fixture = try LocalFixture(options: options(idle: 5))
    let partitions = (0..<5).map { PartitionID(topic: topicA, index: $0) }
    let config = LogConfig(durability: .os)
    try await fixture.store.create(partitions, topicName: "orders", config: config, fence: .local)
    for partition in partitions { try await fixture.store.append(["a"], to: partition, .written) }
    let syncs = fixture.fileSystem.counts.segmentSyncs
    for partition in partitions { #expect(try await fixture.store.records(of: partition).count == 1) }
    #expect(fixture.fileSystem.counts.openSegments == 5)
    #expect(fixture.fileSystem.counts.segmentSyncs == syncs)
  }

  @Test func `more files than may be open without need are brought to disk, whatever the topic's durability`()
    async throws
  {
    let fixture = try LocalFixture(options: options(idle: 2))
    let partitions = (0..<20).map { PartitionID(topic: topicA, index: $0) }
    let config = LogConfig(durability: .os)
    try await fixture.store.create(partitions, topicName: "orders", config: config, fence: .local)
    for partition in partitions { try await fixture.store.append(["a"], to: partition, .written) }
    await expectSoon { fixture.fileSystem.counts.openSegments <= 4 }
    for partition in partitions { #expect(try await fixture.store.records(of: partition).count == 1) }
  }

  @Test func `a region stays readable after its segment's file was closed`() async throws {
    let fixture = try LocalFixture(options: options(idle: 1))
    try await fixture.store.create(config: small)
    let value = String(repeating: "x", count: 100_000)
    for _ in 0..<5 { try await fixture.store.append([value]) }
    let region = try await fixture.store.result(from: 0, form: .chunks)
    for offset in 1..<5 { _ = try await fixture.store.result(from: Int64(offset)) }
    guard case .file = try #require(region.chunks.first) else {
      Issue.record("a large read was copied")
      return
    }
    #expect(try decode(region).map(\.value) == [value])
  }

  @Test func `a quarter of the process's limit is kept open, within bounds`() {
    #expect([0, 80, 1_024, 1 << 20, .max].map { OpenFileLimit.idleFiles(ofLimit: $0) } == [8, 10, 128, 1_024, 1_024])
    #expect((8...1_024).contains(LocalLogStore.Options().idleOpenFiles))
    #expect([0, 80, 20_000, .max].map { OpenFileLimit.pinnedFiles(ofLimit: $0) } == [8, 40, 10_000, 1 << 20])
  }
}
