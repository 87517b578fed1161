internal import Synchronization
internal import TailraceWire

extension LocalLogStore {
  package func append(_ requests: [AppendRequest], fence: Fence) {
    if !hasAppended.load(ordering: .relaxed) { hasAppended.store(true, ordering: .sequentiallyConsistent) }
    var groups = AppendGroups()
    for request in requests {
      guard !request.parts.isEmpty else {
        request.completion([])
        continue
      }
      let pending = PendingAppend(partCount: request.parts.count, completion: request.completion)
      for (index, part) in request.parts.enumerated() {
        groups.add(
          AppendItem(
            batch: part.batch, durability: request.durability,
            receiver: AppendReceiver(request: pending, part: index)), to: part.partition)
      }
    }
    var done: [(log: PartitionLog, effects: LogEffects)] = []
    done.reserveCapacity(groups.groups.count)
    for group in groups.groups {
      switch fence == .local ? log(of: group.partition) : .failure(.fenced) {
      case .success(let log): done.append((log, log.append(group.items)))
      case .failure(let error):
        for item in group.items { item.receiver.request.resolve(part: item.receiver.part, .refused(error)) }
      }
    }
    for (log, effects) in done { flusher.carryOut(effects, of: log) }
  }
}

/// The parts of several requests by partition, in the order in which partitions first appear.
private struct AppendGroups {
  struct Group {
    let partition: PartitionID
    var items: [AppendItem]
  }

  private(set) var groups: [Group] = []
  /// Built when a second partition appears.
  private var places: [PartitionID: Int] = [:]

  mutating func add(_ item: AppendItem, to partition: PartitionID) {
    if let last = groups.indices.last, groups[last].partition == partition {
      groups[last].items.append(item)
    } else if let place = places[partition] {
      groups[place].items.append(item)
    } else {
      places[partition] = groups.count
      groups.append(Group(partition: partition, items: [item]))
    }
  }
}
