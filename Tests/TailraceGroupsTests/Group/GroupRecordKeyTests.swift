import TailraceGroups
import TailraceWire
import Testing

@Suite struct GroupRecordKeyTests {
  private static let names = [
    "g", "g/1", "1/g", "/", "//", "7/g/m", "é", "group/x", String(repeating: "n", count: 255),
  ]

  @Test func `each key has a text of its own, from which it comes back, whatever names hold`() throws {
    var texts: Set<[UInt8]> = []
    var keys = 0
    for group in Self.names {
      let group = try #require(GroupID(group))
      var all = [GroupRecordKey.group(group), .offset(group, PartitionID(topic: TopicID(high: 1, low: 2), index: 3))]
      for member in Self.names {
        let member = try #require(MemberID(member))
        all += [.member(group, member), .assignment(group, member)]
      }
      for key in all {
        #expect(GroupRecordKey(key.text) == key)
        #expect(key.group == group)
        texts.insert(Array(key.text.utf8))
        keys += 1
      }
    }
    #expect(texts.count == keys)
  }

  @Test(arguments: [
    "", "group", "group/", "groups/g", "member/1/g", "member/1/g/", "member/01/g/m", "member/9/g/m", "member/-1/g/m",
    "member/x/g/m", "member/1/gxm", "offset/0/0/g", "offset/00000000000000000000000000000001/+1/g",
    "offset/0000000000000000000000000000000A/1/g", "offset/00000000000000000000000000000001/4294967296/g",
    "offset/00000000000000000000000000000001/1/", "assignment/18446744073709551616/g/m", "group/a\nb",
  ]) func `what no key looks like is none`(_ text: String) {
    #expect(GroupRecordKey(text) == nil)
  }
}
