import NIOCore
import TailraceClient
import TailraceWire
import Testing

@Suite struct PartitionAssignmentTests {
  private let id = ByteBuffer(repeating: 1, count: 16)
  private let otherID = ByteBuffer(repeating: 2, count: 16)

  @Test func `it comes and goes as the API has it, by topic and partition, each partition once`() {
    let assignment = PartitionAssignment([
      TopicPartitions(topic: "b", topicID: id, partitions: [3, 1, 3]), TopicPartitions(topic: "a", topicID: otherID),
      TopicPartitions(topic: "b", topicID: id, partitions: [0]),
    ])
    #expect(assignment.message == [TopicPartitions(topic: "b", topicID: id, partitions: [0, 1, 3])])
  }

  @Test func `the difference is what is here only`() {
    let first = PartitionAssignment([TopicPartitions(topic: "t", topicID: id, partitions: [0, 1, 2])])
    let second = PartitionAssignment([TopicPartitions(topic: "t", topicID: id, partitions: [2, 3])])
    #expect(first.subtracting(second).message == [TopicPartitions(topic: "t", topicID: id, partitions: [0, 1])])
    #expect(second.subtracting(first).message == [TopicPartitions(topic: "t", topicID: id, partitions: [3])])
    #expect(first.subtracting(first).isEmpty)
  }

  @Test func `a topic that was created again is another one`() {
    let old = PartitionAssignment([TopicPartitions(topic: "t", topicID: id, partitions: [0])])
    let new = PartitionAssignment([TopicPartitions(topic: "t", topicID: otherID, partitions: [0])])
    #expect(old.subtracting(new) == old)
    #expect(new.subtracting(old) == new)
    #expect(!new.contains(TopicPartition(topic: "t", partition: 0), topicID: id))
  }
}
