import TailraceGroups
import TailraceTestSupport
import TailraceWire
import Testing

extension AssignmentProblem {
  /// A problem in short: topics by name with how many partitions they have, members by id with the topics they subscribe
  /// to, and members by id with what they read so far, as "orders/0". Names that are not topics or members stand for what
  /// is gone.
  init(
    _ topics: KeyValuePairs<String, UInt32>, _ members: KeyValuePairs<String, [String]>,
    current: KeyValuePairs<String, [String]> = [:]
  ) throws {
    let topics = topics.sorted { $0.key < $1.key }
    var ids = Dictionary(uniqueKeysWithValues: topics.enumerated().map { ($1.key, TopicID(high: 1, low: UInt64($0))) })
    var readers: [PartitionID: MemberID] = [:]
    for (member, partitions) in current {
      let member: MemberID = try #require(MemberID(member))
      for partition in partitions {
        let parts = partition.split(separator: "/")
        let id = ids[String(parts[0]), default: TopicID(high: 2, low: UInt64(ids.count))]
        ids[String(parts[0])] = id
        readers[PartitionID(topic: id, index: try #require(UInt32(parts[1])))] = member
      }
    }
    self.init(
      topics: topics.map {
        Topic(id: ids[$0.key, default: TopicID(high: 0, low: 0)], name: $0.key, partitionCount: $0.value)
      },
      members: try members.map { member, wanted in
        Member(
          id: try #require(MemberID(member)),
          topics: topics.indices.filter { wanted.contains(topics[$0].key) })
      }.sorted { $0.id < $1.id },
      current: readers)
  }

  /// A random group: `hasEqualSubscriptions`: each member subscribes to all topics, else to some of them, or to none. What
  /// they read so far is nothing, or anything, also of partitions, members and topics that are gone.
  init(
    maxMembers: Int, maxTopics: Int, maxPartitions: Int, hasEqualSubscriptions: Bool, _ generator: inout SeededGenerator
  ) throws {
    let topicCount = 1 + generator.below(maxTopics)
    var counts = [UInt32](repeating: 0, count: topicCount)
    for _ in 0..<generator.below(maxPartitions + 1) { counts[generator.below(topicCount)] += 1 }
    let share = 1 + generator.below(4)
    let ids = try (0..<1 + generator.below(maxMembers)).map { try #require(MemberID("member-\(1_000 + $0)")) }
    let members = ids.map { id in
      Member(
        id: id, topics: (0..<topicCount).filter { _ in hasEqualSubscriptions || generator.below(share + 1) < share })
    }
    let wanted = Set(members.flatMap(\.topics)).sorted()
    let topics = wanted.map { topic in
      Topic(id: .random(using: &generator), name: "topic-\(1_000 + topic)", partitionCount: counts[topic])
    }
    let places = Dictionary(uniqueKeysWithValues: zip(wanted, wanted.indices))
    let gone = Topic(id: .random(using: &generator), name: "gone", partitionCount: 3)
    let readers = ids + [try #require(MemberID("gone"))]
    // Now and then most partitions have the same reader.
    let span = 1 + generator.below(readers.count)
    let unread = generator.below(5)
    var current: [PartitionID: MemberID] = [:]
    for topic in topics + [gone] {
      for index in 0..<topic.partitionCount + 2 where generator.below(4) >= unread {
        current[PartitionID(topic: topic.id, index: index)] = readers[readers.count - 1 - generator.below(span)]
      }
    }
    self.init(
      topics: topics,
      members: members.map { Member(id: $0.id, topics: $0.topics.compactMap { places[$0] }) },
      current: current)
  }

  /// The same problem after `lists` was carried out, with these members.
  func after(_ lists: [MemberID: [PartitionID]], members: [Member]? = nil) -> AssignmentProblem {
    AssignmentProblem(topics: topics, members: members ?? self.members, current: readers(in: lists))
  }
}

/// Who reads each partition.
func readers(in lists: [MemberID: [PartitionID]]) -> [PartitionID: MemberID] {
  var readers: [PartitionID: MemberID] = [:]
  for (member, partitions) in lists {
    for partition in partitions { readers[partition] = member }
  }
  return readers
}

extension Assignor {
  /// What each member reads, as "orders/0".
  func names(_ problem: AssignmentProblem) -> [String: [String]] {
    let names = Dictionary(uniqueKeysWithValues: problem.topics.map { ($0.id, $0.name) })
    let lists = assign(problem).map { member, partitions in
      (member.text, partitions.map { "\(names[$0.topic, default: "?"])/\($0.index)" })
    }
    return Dictionary(uniqueKeysWithValues: lists)
  }
}
