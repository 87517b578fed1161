@testable import TailraceStorage
@testable import TailraceWire
import Testing

@Suite struct CompactionJudgeTests {
  @Test func `once a batch stayed with records that were to go, no tombstone goes`() {
    let secret = KeyHash.Secret(first: 1, second: 2)
    let key: [UInt8] = [1, 2, 3]
    func keepsTombstone(afterLargeBatch hasStayed: Bool) -> (keeps: Bool, willKeep: Bool) {
      var judge = CompactionJudge(keys: nil, secret: secret, end: Offset(10), tombstoneEnd: Offset(10))
      if hasStayed { judge.keepTombstones() }
      let keeps = key.withUnsafeBytes { judge.keeps(RecordGlance(offset: Offset(5), key: $0, isTombstone: true)) }
      return (keeps, judge.keepsTombstones)
    }
    #expect(keepsTombstone(afterLargeBatch: false) == (false, false))
    #expect(keepsTombstone(afterLargeBatch: true) == (true, true))
  }
}
