internal import Synchronization
internal import TailraceWire

extension LocalLogStore {
  package func append(_ requests: [AppendRequest], fence: Fence) {
    guard !requests.isEmpty else { return }
    let partition = requests[0].partition
    if !hasAppended.load(ordering: .relaxed) { hasAppended.store(true, ordering: .sequentiallyConsistent) }
    // Mostly all go to one partition.
    guard requests.indices.contains(where: { requests[$0].partition != partition }) else {
      carryOut(append(requests, to: partition, fence))
      return
    }
    // All is written before anybody is told, or anything is flushed.
    let groups = byPartition(requests).map { append($0, to: $0[0].partition, fence) }
    for group in groups { carryOut(group) }
  }

  /// What an append left to do.
  private enum Left {
    case effects(LogEffects, PartitionLog)
    case refusal(StorageError, [AppendRequest])
  }

  /// `requests`: all for `partition`.
  private func append(_ requests: [AppendRequest], to partition: PartitionID, _ fence: Fence) -> Left {
    switch fence == .local ? log(of: partition) : .failure(.fenced) {
    case .success(let log): .effects(log.append(requests), log)
    case .failure(let error): .refusal(error, requests)
    }
  }

  private func carryOut(_ left: Left) {
    switch left {
    case .effects(let effects, let log): flusher.carryOut(effects, of: log)
    case .refusal(let error, let requests):
      for request in requests { request.completion(.refused(error)) }
    }
  }

  /// In the order in which partitions first appear, none of them empty.
  private func byPartition(_ requests: [AppendRequest]) -> [[AppendRequest]] {
    var groups: [[AppendRequest]] = []
    var places: [PartitionID: Int] = [:]
    for request in requests {
      let place = places[request.partition] ?? groups.count
      if place == groups.count {
        places[request.partition] = place
        groups.append([])
      }
      groups[place].append(request)
    }
    return groups
  }
}
