import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A disk that has little left.
@Suite struct DiskReserveTests {
  private func fixture() throws -> LocalFixture {
    var options = LocalLogStore.Options.alone
    options.diskReserveBytes = 1 << 20
    return try LocalFixture(options: options)
  }

  @Test func `below the reserve appends are refused, reads go on, and appends go on with space`() async throws {
    let fixture = try fixture()
    try await fixture.store.create()
    fixture.fileSystem.setAvailableBytes((1 << 20) + 10_000)
    #expect(try await fixture.store.append(["a"]) == 0)
    fixture.fileSystem.setAvailableBytes((1 << 20) - 1)
    try await fixture.store.maintain()
    for _ in 0..<3 {
      guard case .refused(let error) = await fixture.store.append([try batch(["b"])])[0] else {
        return fail("appended below the reserve")
      }
      #expect(error.kind == .full)
    }
    #expect(try await fixture.store.records().map(\.value) == ["a"])
    fixture.fileSystem.setAvailableBytes(2 << 20)
    #expect(try await fixture.store.append(["b"]) == 1)
    let lines = fixture.log.lines.filter { $0.contains("appends") }
    #expect(lines == ["warning: appends fail", "info: appends work again"])
  }

  @Test func `the space is told as the disk has it now, the reserve included`() async throws {
    let fixture = try fixture()
    fixture.fileSystem.setAvailableBytes(5 << 20)
    #expect(await fixture.store.space() == StoreSpace(availableBytes: 5 << 20, reserveBytes: 1 << 20))
    fixture.fileSystem.setAvailableBytes(7)
    #expect(await fixture.store.space()?.availableBytes == 7)
    try await fixture.store.close()
    #expect(await fixture.store.space() == nil)
  }

  @Test func `the broker's own books may use the reserve`() async throws {
    let fixture = try fixture()
    var config = LogConfig()
    config.mayUseReserve = true
    try await fixture.store.create(config: config)
    fixture.fileSystem.setAvailableBytes(100)
    #expect(try await fixture.store.append(["a"]) == 0)
  }

  @Test func `no more than the space above the reserve is taken between two looks at the disk`() async throws {
    let fixture = try fixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    let one = try batch([String(repeating: "x", count: 10_000)])
    fixture.fileSystem.setAvailableBytes((1 << 20) + 5 * one.byteCount)
    let outcomes = await fixture.store.append(Array(repeating: one, count: 5), .written)
    #expect(outcomes.allSatisfy { if case .appended = $0 { true } else { false } })
    // The disk still says what it said: the next append looks, and there is room for one at a time.
    fixture.fileSystem.setAvailableBytes(1 << 20)
    guard case .refused = await fixture.store.append([one], .written)[0] else {
      return fail("appended into the reserve")
    }
  }
}
