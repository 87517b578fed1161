import TailraceGroups
import TailraceWire
import Testing

@Suite struct JoinStormTests {
  @Test func `a storm of joins settles, with records in proportion to what moves`() throws {
    let count = 200
    var test = try TestGroup(UInt32(count))
    var epochs: [String: UInt32] = [:]
    for number in 0..<count { epochs["m\(number)"] = try test.join("m\(number)").memberEpoch }
    var rounds = 0
    while test.group.summary.state != .stable, rounds < 5 {
      for member in test.group.describe().members {
        let told = try test.beat(member.memberID, member.memberEpoch, member.owned.numbers)
        _ = try test.beat(member.memberID, told.memberEpoch, told.assignment.numbers)
      }
      rounds += 1
    }
    #expect(test.group.describe().members.allSatisfy { $0.owned.numbers.count == 1 })
    // Each join moves a share: count / 1 + count / 2 + ... partitions, each with a few records.
    #expect(test.log.count < count * 40)
  }
}
