import TailraceClient
import TailraceWire

/// Finds out which partitions a command line means.
struct PartitionSelectionLookup {
  let caller: Connection
  let group: String

  /// The partitions meant, each topic once; none where `selections` is empty. `storedOnly`: of a topic without a list of
  /// partitions, only those of which the group has an offset stored.
  func partitions(_ selections: [PartitionSelection], storedOnly: Bool) async throws -> [TopicPartitions] {
    var all: [String: [UInt32]] = [:]
    let open = Set(selections.lazy.filter { $0.partitions == nil }.map(\.topic))
    if !open.isEmpty && storedOnly {
      let stored = try await GroupServiceClient(caller: caller).fetchOffsets(
        FetchOffsetsRequest(group: group), options: ClientOptions.callOptions)
      for offset in stored.offsets where open.contains(offset.topic) {
        all[offset.topic, default: []].append(offset.partition)
      }
    } else {
      for topic in open { all[topic] = try await partitions(of: topic) }
    }
    return Self.merge(selections, all: all)
  }

  /// `all`: what a topic without a list of partitions stands for.
  static func merge(_ selections: [PartitionSelection], all: [String: [UInt32]]) -> [TopicPartitions] {
    var chosen: [String: Set<UInt32>] = [:]
    for selection in selections {
      chosen[selection.topic, default: []].formUnion(selection.partitions ?? all[selection.topic] ?? [])
    }
    return chosen.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { topic, partitions in
      TopicPartitions(topic: topic, partitions: partitions.sorted())
    }
  }

  private func partitions(of topic: String) async throws -> [UInt32] {
    do throws(RPCError) {
      let description = try await AdminServiceClient(caller: caller).describeTopic(
        DescribeTopicRequest(name: topic), options: ClientOptions.callOptions)
      return description.partitions.map(\.partition)
    } catch {
      throw CommandFailure(error, topic: topic)
    }
  }
}
