import TailraceWire
import Testing

@testable import tailrace

@Suite struct GroupResetOffsetsTests {
  private let results = [
    ResetOffsetsResult(topic: "t", partition: 0, oldOffset: 10, newOffset: 0),
    ResetOffsetsResult(topic: "t", partition: 1, oldOffset: -1, newOffset: 5),
    ResetOffsetsResult(
      topic: "u", partition: 2, error: PartitionError(code: .unknownTopic, message: "no topic 'u'"), oldOffset: -1),
  ]

  @Test(
    arguments: [
      (.beginning, nil, .earliest, 0), (.end, nil, .latest, 0), (.offset(7), nil, .offset, 7),
      (.timestamp(9), nil, .timestamp, 9), (nil, -3, .shiftBy, -3),
    ] as [(StartPosition?, Int64?, ResetTo, Int64)])
  func `a position becomes what the API calls it`(to: StartPosition?, shiftBy: Int64?, target: ResetTo, value: Int64) {
    let request = GroupResetOffsets.request(group: "g", to: to, shiftBy: shiftBy, dryRun: true)
    #expect(request == ResetOffsetsRequest(group: "g", to: target, value: value, dryRun: true))
  }

  @Test func `each partition is shown with its old and new offset`() {
    #expect(
      GroupResetOffsets.lines(results, .text) == [
        "TOPIC  PARTITION  OLD      NEW", "t              0  10   ->    0", "t              1  -    ->    5",
      ])
    #expect(
      GroupResetOffsets.lines(results, .json) == [
        #"{"topic":"t","partition":0,"old_offset":10,"new_offset":0}"#,
        #"{"topic":"t","partition":1,"old_offset":null,"new_offset":5}"#,
        #"{"topic":"u","partition":2,"old_offset":null,"error":"no topic 'u'"}"#,
      ])
  }

  @Test func `only what was moved is counted, and a dry run says that it was none`() {
    #expect(GroupResetOffsets.summary(results, dryRun: false) == "moved the offsets of 2 partitions")
    #expect(
      GroupResetOffsets.summary(results, dryRun: true)
        == "nothing was changed: the offsets of 2 partitions would be moved")
  }
}
