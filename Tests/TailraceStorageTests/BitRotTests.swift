import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Each bit of a small segment flipped by itself: it is noticed by whoever looks, and the rest goes on.
///
/// Who looks is an `Observer`: the reader, after a stop in order, when no start has looked at the log; and recovery. The
/// scrubber and the verifier of log files belong here too.
@Suite struct BitRotTests {
  enum Observer: String, CaseIterable, Sendable {
    /// A client that checks what it reads: the header's checksum and the records'.
    case reader
    /// A start after a kill; of the last batch nothing proves that it was on disk.
    case recovery
    /// A start after a kill; a checkpoint covers the whole log.
    case recoveryBelowCheckpoint
  }

  private static let values = [["a", "first"], ["b"], ["c", "last"]]
  private static let other = PartitionID(topic: topicA, index: 1)
  private static let elsewhere = PartitionID(topic: topicB, index: 0)

  @Test(arguments: Observer.allCases) func `each flipped bit of a segment is noticed and the others are served`(
    _ observer: Observer
  ) async throws {
    let disk = try await disk(for: observer)
    let path = "\(ScriptedHistory.directory)/topics/orders@\(topicA)/0/\(LogSegment.fileName(.zero))"
    let bitCount = try #require(try disk.copy().status(path)).byteCount * 8
    var failures = 0
    for bit in 0..<bitCount where failures < 10 {
      let copy = disk.copy()
      try flip(bit, of: path, in: copy)
      do {
        try await check(copy, bit, observer)
      } catch {
        failures += 1
        Issue.record("\(error); bit \(bit % 8) of byte \(bit / 8), \(observer)")
      }
    }
    print("BitRotTests, \(observer): \(bitCount) bits flipped, \(failures) not noticed")
  }

  @Test(arguments: ["state", "clean-shutdown", "format.json"])
  func `each flipped bit of a small file costs a scan or refuses the directory and no data`(
    _ name: String
  ) async throws {
    let disk = try await disk(for: .reader)
    let directory = name == "state" ? "/topics/orders@\(topicA)/0" : ""
    let path = "\(ScriptedHistory.directory)\(directory)/\(name)"
    let bitCount = try #require(try disk.copy().status(path)).byteCount * 8
    var refused = 0
    for bit in 0..<bitCount {
      let copy = disk.copy()
      try flip(bit, of: path, in: copy)
      do {
        let store = try await open(copy)
        #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.value) == Self.values.joined().map { $0 })
        #expect(try await store.records(of: Self.other).map(\.value) == ["other"])
      } catch let error as StorageError where error.kind == .incompatible {
        refused += 1
      }
    }
    print("BitRotTests, \(name): \(bitCount) bits flipped, the directory refused for \(refused)")
    #expect(refused == 0 || name == "format.json")
  }

  // MARK: - Disks

  private func disk(for observer: Observer) async throws -> CrashCursor {
    var fileSystem = RecordingFileSystem()
    let store = try await open(fileSystem)
    for values in Self.values { try await store.append(values) }
    try await store.append(["other"], to: Self.other)
    try await store.append(["elsewhere"], to: Self.elsewhere)
    switch observer {
    case .reader: try await store.close()
    case .recovery: fileSystem = fileSystem.kill()
    case .recoveryBelowCheckpoint:
      fileSystem = fileSystem.kill()
      _ = try await open(fileSystem)
      fileSystem = fileSystem.kill()
    }
    return fileSystem.history.end
  }

  /// Opens a store; the other topic too where `isWhole`.
  private func open(_ fileSystem: RecordingFileSystem, isWhole: Bool = true) async throws -> LocalLogStore {
    let store = try ScriptedHistory.open(fileSystem, ManualClock())
    try await store.create([partitionA, Self.other], topicName: "orders", config: LogConfig(), fence: .local)
    if isWhole { try await store.create([Self.elsewhere], topicName: "elsewhere", config: LogConfig(), fence: .local) }
    return store
  }

  private func flip(_ bit: Int, of path: String, in fileSystem: RecordingFileSystem) throws {
    let file = try fileSystem.open(path, .readWrite)
    var byte = try file.read(1, at: bit / 8)
    byte.setInteger(try #require(byte.getInteger(at: 0, as: UInt8.self)) ^ (1 << UInt8(bit % 8)), at: 0)
    if let error = file.write([byte], at: bit / 8).error { throw error }
  }

  // MARK: - Checks

  private func check(_ fileSystem: RecordingFileSystem, _ bit: Int, _ observer: Observer) async throws {
    let byte = bit / 8
    let sizes = try Self.values.map { try batch($0).byteCount }
    let damaged = byte < sizes[0] ? 0 : byte < sizes[0] + sizes[1] ? 1 : 2
    // Opening takes the time of this test: another topic is looked at now and then.
    let isWhole = bit % 32 == 0
    let store = try await open(fileSystem, isWhole: isWhole)
    let isCut = observer == .recovery && damaged == 2
    if observer != .reader {
      let fault = try await store.describe(partitionA).fault
      guard isCut ? fault == nil : fault?.kind == .dataLoss else {
        throw Violation("the start says \(fault.debugDescription)")
      }
    }
    if isCut {
      let names = try fileSystem.list("\(ScriptedHistory.directory)/topics/orders@\(topicA)/0")
      guard names.contains(where: { $0.hasSuffix(".torn") }) else { throw Violation("nothing was kept aside") }
    }
    for (index, values) in Self.values.enumerated() {
      let found = try await read(Self.baseOffset(index), of: store)
      let isIntact = found == values
      // Below the damage all is served. At it nothing that looks well; past it recovery serves nothing.
      guard index < damaged ? isIntact : index == damaged ? found == nil : found == nil || isIntact else {
        throw Violation("batch \(index) reads \(found.debugDescription) where batch \(damaged) is damaged")
      }
    }
    let others = [(Self.other, "other")] + (isWhole ? [(Self.elsewhere, "elsewhere")] : [])
    for (partition, value) in others {
      guard try await read(0, of: store, partition) != [value] else { continue }
      throw Violation("partition \(partition) does not read")
    }
  }

  private static func baseOffset(_ index: Int) -> Int64 { values[..<index].reduce(0) { $0 + Int64($1.count) } }

  /// What a client makes of the first batch at an offset; nil where it, or the store, sees that something is wrong.
  private func read(
    _ offset: Int64, of store: LocalLogStore, _ partition: PartitionID = partitionA
  ) async throws -> [String]? {
    let bytes: ByteBuffer
    do {
      bytes = try TailraceStorageTests.bytes(try await store.result(from: offset, of: partition, maxBytes: 1))
    } catch let error as StorageError {
      guard [.dataLoss, .offsetOutOfRange].contains(error.kind) else { throw error }
      return nil
    }
    guard let header = try? bytes.withUnsafeReadableBytes({ try RecordBatchHeader(parsing: $0) }),
      header.baseOffset.rawValue == offset,
      let records = bytes.getSlice(at: RecordBatchHeader.byteCount, length: Int(header.recordsLength)),
      CRC32C.checksum(records) == header.recordsCRC32C
    else { return nil }
    var reader = try RecordBatchReader(header: header, records: records)
    var values: [String] = []
    while let record = try reader.next() { values.append(record.value.map { String(buffer: $0) } ?? "") }
    return values
  }
}

extension CrashCursor {
  /// The disk as a process sees it.
  fileprivate func copy() -> RecordingFileSystem {
    var generator = SeededGenerator(seed: 0)
    return crash(.nothing, using: &generator)
  }
}
