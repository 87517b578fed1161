import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@Suite struct TailPlacesTests {
  @Test func `the last eight batches of the active segment are known, and no others`() {
    var tail = TailPlaces()
    for number in 0..<20 as Range<Int64> { tail.note(Offset(number * 3), at: Int(number) * 100, in: .zero) }
    for number in 0..<20 as Range<Int64> {
      let place = tail.place(of: Offset(number * 3), in: .zero)
      #expect(place?.position == (number < 12 ? nil : Int(number) * 100))
      #expect(tail.place(of: Offset(number * 3 + 1), in: .zero) == nil, "no batch begins there")
      #expect(tail.place(of: Offset(number * 3), in: Offset(60)) == nil, "another segment")
    }
    tail.note(Offset(60), at: 0, in: Offset(60))
    #expect(tail.place(of: Offset(57), in: .zero) == nil)
    #expect(tail.place(of: Offset(60), in: Offset(60))?.position == 0)
  }

  @Test func `once a segment is finished nothing is known of where its batches stand`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    _ = try await fixture.store.append(["a"])
    let log = try fixture.store.log(of: partitionA).get()
    #expect(log.state.withLock { $0.tail.place(of: .zero, in: .zero)?.position } == 0)
    #expect(log.state.withLock { $0.roll(log.context(nowMs: 0)) } == nil)
    #expect(log.state.withLock { $0.tail.place(of: .zero, in: .zero) == nil })
    #expect(try await fixture.store.records().map(\.value) == ["a"])
  }
}
