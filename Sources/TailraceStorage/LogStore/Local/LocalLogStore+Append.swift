internal import Synchronization
internal import TailraceWire

extension LocalLogStore {
  package func append(_ requests: [AppendRequest], fence: Fence) {
    guard let first = requests.first else { return }
    if !hasAppended.load(ordering: .relaxed) { hasAppended.store(true, ordering: .sequentiallyConsistent) }
    // Mostly all go to one partition.
    guard requests.contains(where: { $0.partition != first.partition }) else {
      append(requests, to: first.partition, fence)
      return
    }
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
    for group in groups { append(group, to: group[0].partition, fence) }
  }

  /// `requests`: all for `partition`.
  private func append(_ requests: [AppendRequest], to partition: PartitionID, _ fence: Fence) {
    switch fence == .local ? log(of: partition) : .failure(.fenced) {
    case .success(let log): flusher.carryOut(log.append(requests), of: log)
    case .failure(let error):
      for request in requests { request.completion(.refused(error)) }
    }
  }
}
