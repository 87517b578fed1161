import TailraceGroups
import TailraceWire

/// Members that join one after the other and never go. As clients do, each has a heartbeat parked, and lets go of what it
/// is asked for as soon as it is told.
struct JoinStorm {
  private(set) var test: TestGroup
  private var epochs: [String: UInt32] = [:]
  private var members: [UInt64: String] = [:]
  private var lastTicket: UInt64 = 0

  init(_ partitions: UInt32) throws { test = try TestGroup(partitions) }

  mutating func join(_ member: String, _ assignor: Assignor) throws {
    let joined = try test.join(JoinGroupRequest(memberID: member, topics: ["clicks"], assignor: assignor))
    epochs[member] = joined.memberEpoch
    try beat(member, joined.assignment)
    try hear()
  }

  /// Time passes, and what is due is done.
  mutating func pass(_ milliseconds: Int64) throws {
    test.now += milliseconds
    guard let deadline = test.deadline, deadline <= test.now else { return }
    try test.pass(0)
    try hear()
  }

  private mutating func hear() throws {
    while !test.answers.isEmpty {
      let answers = test.answers.sorted { $0.key < $1.key }
      test.answers = [:]
      for (ticket, result) in answers {
        guard let member = members.removeValue(forKey: ticket) else { continue }
        let told = try result.get()
        epochs[member] = told.memberEpoch
        try beat(member, told.assignment)
      }
    }
  }

  /// Sends heartbeats until one is parked.
  private mutating func beat(_ member: String, _ owned: [TopicPartitions]) throws {
    var owned = owned
    while true {
      lastTicket += 1
      let request = HeartbeatRequest(
        memberID: member, memberEpoch: epochs[member] ?? 0, owned: owned, maxWaitMs: 15_000)
      guard
        case .answered(let told) = try test.take(
          test.group.heartbeat(request, ticket: lastTicket, now: test.now)
        ).get()
      else {
        members[lastTicket] = member
        return
      }
      epochs[member] = told.memberEpoch
      owned = told.assignment
    }
  }
}
