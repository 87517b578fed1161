@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

// What clients do.

extension Simulation {
  /// Begins a process. With an instance id it may be one that comes back, or a second one.
  func start(instance: String? = nil) {
    let number = processes.count
    let named = topics.map(\.name)
    var process = SimulatedProcess(
      number: number, memberID: random.below(4) == 0 ? "" : "member-\(number)",
      topics: named.isEmpty ? ["later"] : named)
    process.instanceID = instance
    process.sessionTimeoutMs = UInt32(3_000 + random.below(2_000))
    process.rebalanceTimeoutMs = UInt32(3_000 + random.below(2_000))
    process.maxWaitMs = random.below(3) == 0 ? 0 : UInt32(500 + random.below(2_500))
    process.assignor = random.below(8) == 0 ? [.sticky, .range, .roundRobin][random.below(3)] : assignor
    process.letGoMs = [0, 0, 0, 200, 2_000, 6_000, nil][random.below(7)]
    switch random.below(6) {
    case 0: process.pattern = ["even", "odd"][random.below(2)]
    case 1: process.topics = [process.topics[random.below(process.topics.count)]]
    default: process.pattern = ""
    }
    if process.pattern == "" { process.pattern = nil }
    processes.append(process)
    wake(number, in: 0)
  }

  /// A process is woken after this time, unless that is to happen earlier anyway.
  func wake(_ number: Int, in delay: Int64) {
    guard now + delay < processes[number].wakesAtMs else { return }
    processes[number].wakesAtMs = now + delay
    at(delay, .wakes(process: number))
  }

  /// A process does what it has to do, and is woken again.
  func wake(_ number: Int) {
    guard processes[number].phase != .gone, processes[number].wakesAtMs <= now else { return }
    processes[number].wakesAtMs = .max
    guard processes[number].pausedUntilMs <= now else {
      return wake(number, in: processes[number].pausedUntilMs - now)
    }
    act(number)
    wake(number, in: Int64(processes[number].sessionTimeoutMs) / 4 + Int64(random.below(100)))
  }

  private func act(_ number: Int) {
    if processes[number].letGoAtMs <= now {
      commit(number, processes[number].toLetGo)
      processes[number].letGo()
      processes[number].awaited = nil
    }
    guard processes[number].awaited == nil || processes[number].awaitedUntilMs <= now else { return }
    let waitMs: Int64
    switch processes[number].phase {
    case .gone: return
    case .joining:
      waitMs = 1_000
      processes[number].awaited = send(.join(processes[number].joinRequest), from: number)
    case .joined:
      waitMs = Int64(processes[number].maxWaitMs) + 500
      processes[number].awaited = send(.heartbeat(processes[number].heartbeatRequest), from: number)
    }
    processes[number].awaitedUntilMs = now + waitMs
  }

  /// Commits for these partitions, with an offset of its own for each commit.
  func commit(_ number: Int, _ partitions: Set<PartitionID>) {
    let process = processes[number]
    guard process.phase == .joined, !partitions.isEmpty else { return }
    let request = CommitOffsetRequest(
      group: "group", memberID: process.memberID, memberEpoch: process.epoch, offsets: newOffsets(partitions))
    send(.commit(request), from: number)
  }

  /// An offset for each of these partitions, as none was before.
  func newOffsets(_ partitions: some Collection<PartitionID>) -> [OffsetCommit] {
    partitions.sorted().map {
      lastOffset += 1
      return OffsetCommit(topicID: $0.topic.bytes, partition: $0.index, offset: lastOffset)
    }
  }

  /// An answer comes in. Those to other requests than the last one are void.
  func hear(_ response: Response, _ number: Int, _ request: Int) {
    guard processes[number].phase != .gone else { return }
    switch response {
    case .none: return
    case .commit(let result, let life):
      guard life == processes[number].life, case .failure(let error) = result else { return }
      lose(number, error)
    case .join(let result):
      guard processes[number].awaited == request else { return }
      processes[number].awaited = nil
      switch result {
      case .success(let joined): processes[number].join(joined, existing(joined.assignment), now: now)
      case .failure(let error): lose(number, error)
      }
    case .heartbeat(let result):
      guard processes[number].awaited == request else { return }
      processes[number].awaited = nil
      switch result {
      case .success(let told): processes[number].take(existing(told.assignment), epoch: told.memberEpoch, now: now)
      case .failure(let error): lose(number, error)
      }
    }
    let letGo = processes[number].letGoAtMs
    if isCalm, letGo == .max, processes[number].phase == .joined, processes[number].maxWaitMs == 0 { return }
    let soon = Int64(random.below(isCalm ? 1_000 : 200))
    wake(number, in: letGo == .max ? soon : max(0, min(letGo - now, 1_000)))
  }

  /// Of a topic that is gone there is nothing to read.
  private func existing(_ assignment: [TopicPartitions]) -> [TopicPartitions] {
    assignment.filter { entry in topics.contains { $0.id == TopicID(entry.topicID) } }
  }

  /// It is out, and joins anew; but if a newer process has its instance id it stays out.
  private func lose(_ number: Int, _ error: GroupError) {
    guard error.kind == .fencedMember || error.kind == .unknownMember else { return }
    processes[number].reset()
    if let instance = processes[number].instanceID,
      processes.contains(where: { $0.number > number && $0.instanceID == instance && $0.phase != .gone })
    {
      processes[number].phase = .gone
    }
    if isCalm, processes[number].letGoMs == nil { giveUp(number) }
  }

  /// Who did not let go is killed, or started anew. Where it is gone or comes back the others settle from then on.
  private func giveUp(_ number: Int) {
    counters.stuck += 1
    processes[number].letGoMs = 0
    if random.below(2) == 0 { processes[number].phase = .gone }
    settlesAtMs = max(settlesAtMs, now + Self.handOverMs)
  }
}
