/// What a consumer reads, and how.
public struct ConsumerConfiguration: Sendable {
  /// What is read.
  public enum Subscription: Hashable, Sendable {
    /// The topics, shared with the other members of the group. Each partition is read by one of them at a time.
    case group(String, topics: [String])
    /// The same, of all topics whose names the pattern matches as a whole: a POSIX extended regular expression.
    case groupPattern(String, pattern: String)
    /// These partitions, alone. Nothing is committed.
    case partitions([TopicPartition])
    /// All partitions of the topics, those to come included, alone. Nothing is committed.
    case topics([String])
  }

  /// When it is stored how far a group has come.
  public enum CommitMode: Hashable, Sendable {
    /// Every so often, when a partition is let go, and at the end: what was processed by then. A record counts as
    /// processed when the next one, or the next batch, is asked for.
    ///
    /// From a millisecond to a day.
    case automatic(every: Duration)
    /// When `Consumer.commit` is called.
    case manual
  }

  /// How a group shares partitions out.
  public enum Assignor: Hashable, Sendable {
    /// Balanced, and moves the least.
    case sticky
    /// Neighbouring partitions of each topic together.
    case range
    /// All partitions in turn.
    case roundRobin
  }

  /// What is read.
  public var subscription: Subscription
  /// Where to begin, in a group: where nothing is committed. An offset there is the same for all partitions.
  public var startPosition = StartPosition.beginning
  /// Of what the place is not there any more, or not yet: what to do.
  public var outOfRange = OutOfRangeAction.nearest
  /// When it is stored how far the group has come.
  public var commit = CommitMode.automatic(every: .seconds(5))
  /// A name that stays the same over restarts. Who comes back under it within the session's time-out has its partitions
  /// back without a rebalance; who comes while another is there takes its place. Nil: none.
  public var instanceID: String?
  /// A member that is not heard of for so long is out, and its partitions go to others; 1 second to 30 minutes. However
  /// long a record takes, the member is heard of: it is for processes that end and networks that fail.
  public var sessionTimeout = Duration.seconds(45)
  /// A partition that is wanted elsewhere must be let go within this, 1 second to an hour: the record or batch at work,
  /// the callbacks and the commit. Later the group goes on without the member, which reads again what it had not
  /// committed, as others may.
  public var rebalanceTimeout = Duration.seconds(60)
  /// How the group shares partitions out; its first member decides.
  public var assignor = Assignor.sticky
  /// Bytes that are fetched ahead, shared by the partitions alike. An answer may exceed it by `fetchMaxBytes`.
  public var maxBufferedBytes = 16 << 20
  /// Bytes of an answer to one fetch; a batch that is larger comes whole.
  public var fetchMaxBytes = 1 << 20
  /// The broker answers as soon as so many bytes are there, or `fetchMaxWait` is over.
  public var fetchMinBytes = 1
  /// See `fetchMinBytes`; up to a minute.
  public var fetchMaxWait = Duration.milliseconds(500)
  /// Records in a `ConsumerBatch`, at most.
  public var maxBatchRecords = 1_000
  /// How long closing may take, up to an hour: the record or batch at work, the callbacks and the last commit.
  public var closeTimeout = Duration.seconds(5)
  /// Awaited before a partition that came is read; `seek` may be called. Callbacks are called one after the other.
  public var onAssigned: Callback?
  /// Awaited before a partition is let go: nobody is at work on a record of it any more, and none will come. `commit` may
  /// be called; in automatic mode that is done afterwards.
  public var onRevoked: Callback?
  /// Called when partitions are lost, because the group went on without this member: they may be read by others already,
  /// and nothing can be committed any more.
  public var onLost: Callback?

  /// Told which partitions.
  public typealias Callback = @Sendable ([TopicPartition]) async -> Void

  /// A consumer of `subscription`; the rest as documented.
  public init(_ subscription: Subscription) { self.subscription = subscription }
}

/// What to do where the offset to be read is not there any more, since the log begins behind it, or not yet.
public enum OutOfRangeAction: Hashable, Sendable {
  /// Go on at the nearest that is there.
  case nearest
  /// Go on at the start position, where that is not an offset; else at the nearest that is there.
  case startPosition
  /// Fail, with OFFSET_OUT_OF_RANGE.
  case fail
}
