import TailraceWire
import Testing

@testable import tailrace

@Suite struct PartitionSelectionTests {
  @Test(
    arguments: [
      ("orders", "orders", nil), ("orders:3", "orders", [3]), ("t:0,1,2-5", "t", [0, 1, 2, 3, 4, 5]),
      ("t:7,1,1,0-2", "t", [0, 1, 2, 7]), ("t:4294967295", "t", [.max]), ("t:5-5", "t", [5]),
      ("t:0-9999", "t", Array(0..<10_000)),
    ] as [(String, String, [UInt32]?)])
  func `a topic, or partitions of it`(text: String, topic: String, partitions: [UInt32]?) throws {
    let selection = try #require(PartitionSelection(argument: text))
    #expect(selection.topic == topic)
    #expect(selection.partitions == partitions)
  }

  @Test(arguments: [
    "", ":", ":1", "t:", "t:,", "t:1,", "t:x", "t:-1", "t:1-", "t:2-1", "t:1-2-3", "t:+1", "t: 1", "t:4294967296",
    "t:0-10000", "t:0-4294967295", "t:0-9999,10000", "t:1:2",
  ])
  func `what names no partitions, or too many, is refused`(text: String) {
    #expect(PartitionSelection(argument: text) == nil)
  }

  @Test func `a topic that is named twice counts once, and one without partitions not at all`() throws {
    let selections = try ["b:3", "a", "b:1,3", "c"].map { try #require(PartitionSelection(argument: $0)) }
    let merged = PartitionSelectionLookup.merge(selections, all: ["a": [0, 1]])
    #expect(
      merged == [TopicPartitions(topic: "a", partitions: [0, 1]), TopicPartitions(topic: "b", partitions: [1, 3])])
  }
}
