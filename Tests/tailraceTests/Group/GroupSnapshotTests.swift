import TailraceWire
import Testing

@testable import tailrace

@Suite struct GroupSnapshotTests {
  private let response = DescribeGroupResponse(
    group: GroupSummary(group: "billing", state: .rebalancing, memberCount: 2), groupEpoch: 7, assignor: .roundRobin,
    members: [
      MemberDescription(
        memberID: "m1", instanceID: "i", clientID: "c\u{1B}[2J", peer: "127.0.0.1:5", memberEpoch: 6,
        owned: [TopicPartitions(topic: "t", partitions: [0, 1, 2, 4])],
        assignment: [TopicPartitions(topic: "t", partitions: [0, 1])]),
      MemberDescription(memberID: "m2", memberEpoch: 7),
    ],
    partitions: [
      PartitionLag(
        committed: CommittedOffset(topic: "t", partition: 0, offset: 10), highWatermark: 15, lag: 5, memberID: "m1"),
      PartitionLag(committed: CommittedOffset(topic: "t", partition: 1, offset: -1), highWatermark: 3, lag: -1),
    ])

  @Test func `a group is shown with its members and how far behind it is`() {
    #expect(
      GroupSnapshot(response).lines(.text) == [
        "group:     billing", "state:     rebalancing", "epoch:     7", "assignor:  round-robin", "members:   2",
        "total lag: 5", "",
        "MEMBER  INSTANCE  CLIENT  ADDRESS      EPOCH  OWNED",
        "m1      i         c [2J   127.0.0.1:5      6  t:0-2,4 -> t:0-1",
        "m2      -         -       -                7  -", "",
        "TOPIC  PARTITION  COMMITTED  END  LAG  MEMBER",
        "t              0  10          15  5    m1",
        "t              1  -            3  -    -",
      ])
  }

  @Test func `--output json is one object on a line`() {
    #expect(
      GroupSnapshot(response).lines(.json) == [
        #"{"group":"billing","state":"rebalancing","epoch":7,"assignor":"round-robin","total_lag":5,"members":["#
          + #"{"member":"m1","instance":"i","client":"c\u001b[2J","address":"127.0.0.1:5","epoch":6,"#
          + #""owned":[{"topic":"t","partitions":[0,1,2,4]}],"assignment":[{"topic":"t","partitions":[0,1]}]},"#
          + #"{"member":"m2","instance":null,"client":"","address":"","epoch":7,"owned":[],"assignment":[]}],"#
          + #""partitions":[{"topic":"t","partition":0,"committed":10,"end":15,"lag":5,"member":"m1"},"#
          + #"{"topic":"t","partition":1,"committed":null,"end":3,"lag":null,"member":null}]}"#
      ])
  }

  @Test func `a group without members and offsets is its head alone`() {
    let empty = DescribeGroupResponse(group: GroupSummary(group: "g", state: .empty))
    #expect(GroupSnapshot(empty).lines(.text).count == 6)
    #expect(GroupSnapshot(empty).lines(.text).contains("assignor:  -"))
  }

  @Test func `lags that do not add up to a number are no trap`() {
    let lag = PartitionLag(lag: .max)
    #expect(GroupSnapshot(DescribeGroupResponse(partitions: [lag, lag, PartitionLag(lag: .min)])).totalLag == .max)
  }

  @Test func `partitions are written as --topic takes them, whatever their order`() {
    #expect(
      GroupSnapshot.text([
        TopicPartitions(topic: "b", partitions: [7, 3, 2, 2]), TopicPartitions(topic: "a", partitions: [.max, 0]),
        TopicPartitions(topic: "c"),
      ]) == "a:0,4294967295 b:2-3,7")
  }

  @Test func `groups are listed in a table, or an object per line`() {
    let groups = [
      GroupSummary(group: "a", state: .stable, memberCount: 12), GroupSummary(group: "long", state: .empty),
    ]
    #expect(
      GroupList.lines(groups, .text) == [
        "GROUP  STATE   MEMBERS", "a      stable       12", "long   empty         0",
      ])
    #expect(
      GroupList.lines(groups, .json).first == #"{"group":"a","state":"stable","member_count":12}"#)
  }
}
