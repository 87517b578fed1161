import NIOCore
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct InternalLogTests {
  private let store: ProbeLogStore
  private let log: InternalLog

  init() async throws {
    let clock = ManualClock()
    store = ProbeLogStore(InMemoryLogStore(clock: clock))
    log = try await InternalLog(
      "__test", id: TopicID(high: 0, low: 9), mayUseReserve: false, store: store, clock: clock)
  }

  /// Records that are a batch each.
  private func records(_ count: Int) -> [(key: String, value: ByteBuffer?)] {
    (0..<count).map { ("\($0)", ByteBuffer(repeating: 0, count: 256 << 10)) }
  }

  private func keys() async throws -> [String] {
    let keys = Notes<String>()
    try await log.replay { key, _, _ throws(RecordBatchError) in keys.add(key) }
    return keys.all
  }

  @Test func `records that need several batches are stored in their order`() async throws {
    try await log.append(records(4) + [("last", nil)])
    #expect(try await keys() == ["0", "1", "2", "3", "last"])
  }

  @Test(arguments: 0..<4)
  func `behind a batch that cannot be stored nothing is, and all before it`(failing: Int) async throws {
    store.fail(.request(after: failing, .refused(StorageError(.full, "the disk is full"))))
    await #expect(throws: StorageError(.full, "the disk is full")) { try await log.append(records(4)) }
    #expect(try await keys() == (0..<failing).map { "\($0)" })
    try await log.append(records(1))
    #expect(try await keys().last == "0")
  }

  @Test func `nothing is stored at once`() async throws {
    try await log.append([])
    #expect(try await keys().isEmpty)
  }
}
