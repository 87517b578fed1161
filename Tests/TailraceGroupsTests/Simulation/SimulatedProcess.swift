import TailraceGroups
import TailraceWire

/// A client that takes part in a group: what it believes about itself.
struct SimulatedProcess {
  enum Phase { case joining, joined, gone }

  let number: Int
  var phase = Phase.joining
  var memberID: String
  var instanceID: String?
  var topics: [String]
  var pattern: String?
  var assignor = Assignor.sticky
  var sessionTimeoutMs: UInt32 = 6_000
  var rebalanceTimeoutMs: UInt32 = 6_000
  /// How long it takes to let partitions go; nil: it never does.
  var letGoMs: Int64? = 0
  var maxWaitMs: UInt32 = 0

  /// Counts how often it began with nothing: answers of an earlier life are void.
  var life = 0
  var epoch: UInt32 = 0
  /// What it reads. Partitions that are to go are in it until they are gone.
  var held: Set<PartitionID> = []
  var toLetGo: Set<PartitionID> = []
  var letGoAtMs = Int64.max
  /// The request whose answer it waits for, and until when.
  var awaited: Int?
  var awaitedUntilMs: Int64 = 0
  var pausedUntilMs: Int64 = 0
  /// When it is woken next.
  var wakesAtMs = Int64.max

  init(number: Int, memberID: String, topics: [String]) {
    self.number = number
    self.memberID = memberID
    self.topics = topics
  }

  var joinRequest: JoinGroupRequest {
    JoinGroupRequest(
      group: "group", memberID: memberID, instanceID: instanceID, clientID: "client \(number)",
      topics: pattern == nil ? topics : [], topicPattern: pattern, assignor: assignor,
      sessionTimeoutMs: sessionTimeoutMs, rebalanceTimeoutMs: rebalanceTimeoutMs)
  }

  var heartbeatRequest: HeartbeatRequest {
    HeartbeatRequest(
      group: "group", memberID: memberID, memberEpoch: epoch, owned: held.wire, maxWaitMs: maxWaitMs)
  }

  /// It has joined: what it is not told it must not read a moment longer, as it may have been out meanwhile.
  mutating func join(_ response: JoinGroupResponse, _ assignment: [TopicPartitions], now: Int64) {
    memberID = response.memberID
    held = []
    take(assignment, epoch: response.memberEpoch, now: now)
  }

  /// Takes up what it is told, and begins to let go of the rest.
  mutating func take(_ assignment: [TopicPartitions], epoch: UInt32, now: Int64) {
    self.epoch = epoch
    phase = .joined
    let told = assignment.ids
    held.formUnion(told)
    let before = toLetGo
    toLetGo = held.subtracting(told)
    if toLetGo.isEmpty {
      letGoAtMs = .max
    } else if toLetGo != before {
      letGoAtMs = letGoMs.map { now + $0 } ?? .max
    }
  }

  /// Stops reading everything, to join anew.
  mutating func reset() {
    life += 1
    held = []
    toLetGo = []
    letGoAtMs = .max
    awaited = nil
    if phase != .gone { phase = .joining }
  }

  mutating func letGo() {
    held.subtract(toLetGo)
    toLetGo = []
    letGoAtMs = .max
  }
}

extension Collection<PartitionID> {
  /// As clients list partitions.
  var wire: [TopicPartitions] {
    Dictionary(grouping: self, by: \.topic).map {
      TopicPartitions(topicID: $0.bytes, partitions: $1.map(\.index).sorted())
    }
  }
}

extension [TopicPartitions] {
  var ids: Set<PartitionID> {
    Set(
      flatMap { entry in
        entry.partitions.compactMap { index in TopicID(entry.topicID).map { PartitionID(topic: $0, index: index) } }
      })
  }
}
