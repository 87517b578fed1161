import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// The index files beside segments.
@Suite struct SegmentIndexFileTests {
  private let values = (0..<40).map { "\($0)" + String(repeating: "x", count: 900) }
  /// Ten batches to a segment.
  private let config = LogConfig(segmentBytes: 11_000)

  /// Forty batches, stamped 1,000, 1,010 and so on; closed in order.
  private func closedLog() async throws -> TestDirectory {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: config)
    for (index, value) in values.enumerated() {
      try await fixture.store.append([value], timestampMs: 1_000 + Int64(index) * 10)
    }
    try await fixture.store.close()
    return try fixture.directory.copy()
  }

  /// All reads and look-ups; how many bytes of segments they took.
  private func expectAll(in directory: TestDirectory, _ context: String) async throws -> Int {
    let fixture = try LocalFixture(directory)
    try await fixture.store.create(config: config)
    for offset in values.indices {
      let first = try await fixture.store.records(from: Int64(offset), maxBytes: 1).first
      #expect(first?.value == values[offset], "\(context), offset \(offset)")
      let found = try await fixture.store.firstOffset(atOrAfter: 995 + Int64(offset) * 10)
      #expect(found?.offset == Offset(Int64(offset)), "\(context), time of offset \(offset)")
    }
    #expect(try await fixture.store.firstOffset(atOrAfter: 2_000) == nil, "\(context)")
    return fixture.fileSystem.counts.segmentReadBytes
  }

  @Test func `each segment has both files, and reads use them instead of a scan`() async throws {
    let directory = try await closedLog()
    let logs = try directory.files(".log").count
    #expect(logs >= 4)
    #expect(try directory.files(".index").count == logs)
    #expect(try directory.files(".timeindex").count == logs)
    let fixture = try LocalFixture(directory)
    try await fixture.store.create(config: config)
    _ = try await fixture.store.firstOffset(atOrAfter: 5_000)
    // The end of each segment's last batch is looked at, and no more.
    #expect(fixture.fileSystem.counts.segmentReadBytes <= logs * RecordBatchHeader.byteCount)
  }

  @Test func `files that are missing are made again by the first read`() async throws {
    let directory = try await closedLog()
    let before = try directory.files("index").map { try TestDirectory.read($0) }
    for path in try directory.files("index") { try RealFileSystem().removeFile(path) }
    _ = try await expectAll(in: directory, "without files")
    // That of the last segment is written at a clean stop.
    #expect(try directory.files("index").map { try TestDirectory.read($0) } == Array(before.dropLast(2)))
  }

  @Test func `any flipped byte, and any length, counts as no file at all`() async throws {
    let directory = try await closedLog()
    var checked = 0
    for suffix in [".index", ".timeindex"] {
      let path = try directory.files(suffix)[1]
      let whole = try TestDirectory.read(path)
      for index in 0..<whole.readableBytes {
        var damaged = whole
        damaged.setInteger(try #require(whole.getInteger(at: index, as: UInt8.self)) ^ 0x10, at: index)
        try TestDirectory.write(damaged, to: path)
        #expect(try load(path, in: directory) == nil, "byte \(index) of \(suffix)")
        try TestDirectory.write(try #require(whole.getSlice(at: 0, length: index)), to: path)
        #expect(try load(path, in: directory) == nil, "\(index) bytes of \(suffix)")
        checked += 2
      }
      if suffix == ".index" { _ = try await expectAll(in: try directory.copy(), "a short .index") }
      try TestDirectory.write(whole, to: path)
      #expect(try load(path, in: directory) != nil)
    }
    print("SegmentIndexFileTests: \(checked) damaged index files, none believed")
  }

  /// What the files of the segment at `path`, with any suffix, say.
  private func load(_ path: String, in directory: TestDirectory) throws -> Int? {
    let log = path.replacingSuffix(with: ".log")
    guard let name = log.split(separator: "/").last, let base = LogSegment.baseOffset(ofFileName: String(name)) else {
      throw UnexpectedOutcome(outcome: log)
    }
    let file = try RealFileSystem().open(log, .read)
    return SegmentIndexFile(fileSystem: RealFileSystem(), baseOffset: base, logPath: log)
      .load(of: file, byteCount: try file.byteCount())?.coveredBytes
  }

  @Test func `files of another log are not believed`() async throws {
    let directory = try await closedLog()
    let other = try LocalFixture()
    try await other.store.create(config: config)
    for value in values { try await other.store.append([value.replacing("x", with: "y")], timestampMs: 9_000) }
    try await other.store.close()
    for suffix in [".index", ".timeindex"] {
      for (path, foreign) in zip(try directory.files(suffix), try other.directory.files(suffix)) {
        try TestDirectory.write(try TestDirectory.read(foreign), to: path)
      }
    }
    _ = try await expectAll(in: directory, "foreign files")
  }

  @Test func `indexes of finished segments go when their memory is used up, and come back`() async throws {
    let directory = try await closedLog()
    let files = OpenFiles(fileSystem: RealFileSystem(), limit: 8, maxIndexBytes: 48)
    let segments = try directory.files(".log").dropLast().map { path in
      let byteCount = try TestDirectory.read(path).readableBytes
      let name = String(try #require(path.split(separator: "/").last))
      let segment = LogSegment(
        baseOffset: try #require(LogSegment.baseOffset(ofFileName: name)), path: path, byteCount: byteCount,
        files: files)
      segment.seal(byteCount: byteCount)
      return segment
    }
    for _ in 0..<3 {
      for segment in segments {
        #expect(try segment.floor(ofTimestampMs: 0)?.offset == segment.baseOffset)
        #expect(files.indexes.byteCount <= 48)
      }
    }
    #expect(segments.filter { $0.unindexedByteCount == 0 }.count == 1)
    #expect(segments.allSatisfy { $0.summaryIfKnown != nil })
  }
}

extension String {
  fileprivate func replacingSuffix(with suffix: String) -> String {
    (lastIndex(of: ".").map { String(self[..<$0]) } ?? self) + suffix
  }
}
