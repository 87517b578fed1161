import NIOCore
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

@Suite struct StartingPointLookupTests {
  private let partitions = PartitionAssignment([TopicPartitions(topic: "t", partitions: [0, 1, 2])])

  private func partition(_ number: UInt32) -> TopicPartition { TopicPartition(topic: "t", partition: number) }

  @Test func `it begins at the group's offset, else at the position asked for, and leaves out what is gone`() {
    let points = StartingPointLookup.join(
      partitions, stored: [partition(0): ReadPosition(offset: 7, epoch: 2)], starts: [partition(1): 0], ends: nil
    ).sorted { $0.cursor.id < $1.cursor.id }
    #expect(points.map(\.cursor.id) == [partition(0), partition(1)])
    #expect(points.map(\.cursor.offset) == [7, 0])
    #expect(points.map(\.cursor.lastEpoch) == [2, nil])
    #expect(points.map(\.isStored) == [true, false])
    #expect(points.allSatisfy { $0.cursor.end == nil })
  }

  @Test func `with ends, a partition whose end is not known is left out`() {
    let points = StartingPointLookup.join(
      partitions, stored: [partition(0): ReadPosition(offset: 7, epoch: 2)], starts: [partition(1): 0],
      ends: [partition(0): 7])
    #expect(points.map(\.cursor.end) == [7])
    #expect(points.first?.cursor.isAtEnd == true)
  }
}
