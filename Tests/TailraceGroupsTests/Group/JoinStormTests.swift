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
  @Test(arguments: [Assignor.sticky, .range, .roundRobin])
  func `members that join a large group together share its assignments, and are settled with the last`(
    _ assignor: Assignor
  ) throws {
    let count = 300
    var storm = try JoinStorm(1_000)
    for number in 0..<count {
      try storm.join("m\(number)", assignor)
      try storm.pass(1)
    }
    try storm.pass(100)
    #expect(storm.test.group.summary.state == .stable)
    #expect(storm.test.group.describe().members.allSatisfy { [3, 4].contains($0.owned.numbers.count) })
    // Three for each that joins. The rest: four assignments, each of which may move everything.
    #expect(storm.test.log.count < count * 15)
  }
}
