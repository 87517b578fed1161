internal import TailraceWire

extension ConsumerConfiguration {
  /// What the state machine goes by. Fails with INVALID_ARGUMENT where something makes no sense.
  func settings(clientID: String) throws(TailraceError) -> ConsumerMachine.Settings {
    try check()
    var settings = ConsumerMachine.Settings(source: source(clientID))
    if case .automatic(let interval) = commit { settings.commitIntervalMs = interval.ms }
    settings.outOfRange = outOfRange
    settings.start = startPosition
    settings.closeMs = closeTimeout.ms
    settings.fetch = FetchSession.Settings(
      minBytes: UInt32(clamping: fetchMinBytes), maxBytes: UInt32(clamping: fetchMaxBytes),
      partitionMaxBytes: UInt32(clamping: fetchMaxBytes), maxWaitMs: UInt32(clamping: fetchMaxWait.ms))
    return settings
  }

  private func source(_ clientID: String) -> ConsumerMachine.Settings.Source {
    switch subscription {
    case .topics(let topics): return .topics(topics)
    case .partitions(let partitions): return .partitions(partitions)
    case .group(let group, let topics): return .group(membership(group, clientID, topics: topics))
    case .groupPattern(let group, let pattern): return .group(membership(group, clientID, pattern: pattern))
    }
  }

  private func membership(
    _ group: String, _ clientID: String, topics: [String] = [], pattern: String? = nil
  ) -> GroupMembership.Settings {
    GroupMembership.Settings(
      group: group, clientID: clientID, instanceID: instanceID, topics: topics, topicPattern: pattern,
      assignor: assignor.wire, sessionTimeoutMs: UInt32(clamping: sessionTimeout.ms),
      rebalanceTimeoutMs: UInt32(clamping: rebalanceTimeout.ms))
  }

  private func check() throws(TailraceError) {
    switch subscription {
    case .group(let group, let topics):
      try Self.check(!group.isEmpty, "the group's name is empty")
      try Self.check(!topics.isEmpty, "the group '\(group)' is to read no topic")
    case .groupPattern(let group, let pattern):
      try Self.check(!group.isEmpty, "the group's name is empty")
      try Self.check(!pattern.isEmpty, "the pattern of topics is empty")
    case .topics(let topics): try Self.check(!topics.isEmpty, "there is no topic to read")
    case .partitions(let partitions):
      try Self.check(!partitions.isEmpty, "there is no partition to read")
      for partition in partitions {
        try Self.check(partition.partition >= 0, "\(partition): partitions are counted from 0")
      }
    }
    if case .offset(let offset) = startPosition {
      try Self.check(offset >= 0, "the start position is offset \(offset); offsets are counted from 0")
    }
    try Self.check((1_000...1_800_000).contains(sessionTimeout.ms), "sessionTimeout is 1 second to 30 minutes")
    try Self.check((1_000...3_600_000).contains(rebalanceTimeout.ms), "rebalanceTimeout is 1 second to an hour")
    if case .automatic(let interval) = commit {
      try Self.check((1...86_400_000).contains(interval.ms), "offsets are committed every millisecond to every day")
    }
    try Self.check(closeTimeout.ms <= 3_600_000, "closeTimeout is at most an hour")
    try Self.check(fetchMaxWait.ms <= 60_000, "fetchMaxWait is at most a minute")
    for (name, value) in [
      ("maxBufferedBytes", maxBufferedBytes), ("fetchMaxBytes", fetchMaxBytes), ("fetchMinBytes", fetchMinBytes),
      ("maxBatchRecords", maxBatchRecords),
    ] {
      try Self.check(value > 0, "\(name) is \(value); it is at least 1")
    }
  }

  private static func check(_ isSound: Bool, _ message: String) throws(TailraceError) {
    guard isSound else { throw TailraceError(.invalidArgument, message) }
  }
}

extension ConsumerConfiguration.Assignor {
  fileprivate var wire: TailraceWire.Assignor {
    switch self {
    case .sticky: .sticky
    case .range: .range
    case .roundRobin: .roundRobin
    }
  }
}
