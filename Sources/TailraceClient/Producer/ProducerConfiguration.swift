/// How a producer sends.
public struct ProducerConfiguration: Sendable {
  /// When a record counts as stored.
  public enum Acks: Hashable, Sendable {
    /// As the topic's `durability` says: on disk, unless the topic was configured otherwise.
    case topicDefault
    /// At once: nobody learns whether it was stored, or where. Offsets of deliveries are -1.
    case none
    /// In the page cache of the broker's machine: survives the broker, not the machine.
    case written
    /// On disk (fsync).
    case durable
  }

  /// How batches are compressed.
  public enum Compression: Hashable, Sendable, CaseIterable {
    case none
    case gzip
    /// The LZ4 frame format.
    case lz4
    case zstd
  }

  /// When a record counts as stored.
  public var acks = Acks.topicDefault
  /// How batches are compressed.
  public var compression = Compression.none
  /// A batch is sent when it has this many bytes before compression; a larger record makes a batch of its own.
  /// 1 to 8 MiB; a topic's `max_batch_bytes` is 1 MiB unless it was configured otherwise. By default as many as keep what
  /// is under way in a partition within a processor's cache, at both ends.
  public var batchBytes = 160 << 10
  /// How long a batch that is not full waits for more records. Zero, the default: only while an earlier batch of its
  /// partition is under way, so that records that come alone are sent at once and many together share batches.
  public var linger = Duration.zero
  /// Batches under way in a partition at a time, 1 to 5. Their order is kept, also when some are sent again.
  public var maxInFlightBatches = 5
  /// Bytes of records that may wait to be stored; beyond, `send` and `enqueue` suspend until there is room: a quarter of
  /// it, at most 1 MiB. More than the default keeps more for a broker that is away or far; near one it is slower, for records
  /// leave the processor's cache before they are sent.
  public var maxBufferedBytes = 8 << 20
  /// Whether a batch that is sent again is stored once. Without it a partition has one batch under way at a time, and
  /// what is sent again after a lost connection may be stored twice. Without effect where acks are none.
  public var isIdempotent = true
  /// A name that outlives the process: a producer of the same name that starts later fences this one.
  public var name: String?
  /// A record that is not stored this long after it was handed over fails with DEADLINE_EXCEEDED.
  public var deliveryTimeout = Duration.seconds(120)
  /// An attempt that is not answered within this is made again.
  public var requestTimeout = Duration.seconds(30)
  /// Chooses the partition of records that name none.
  public var partitioner: any Partitioner = KeyHashPartitioner()

  /// The default configuration: durable as the topic says, idempotent, no compression.
  public init() {}

  func check() throws(TailraceError) {
    func require(_ isTrue: Bool, _ what: String) throws(TailraceError) {
      guard isTrue else { throw TailraceError(.invalidArgument, what) }
    }
    try require(
      (1...ProducerConfiguration.maxBatchBytes).contains(batchBytes), "batchBytes is \(batchBytes), not 1 to 8 MiB")
    try require(
      (1...5).contains(maxInFlightBatches), "maxInFlightBatches is \(maxInFlightBatches), not 1 to 5")
    try require(maxBufferedBytes > 0, "maxBufferedBytes is \(maxBufferedBytes), not above 0")
    try require(linger >= .zero, "linger is \(linger), which is negative")
    try require(deliveryTimeout > .zero && requestTimeout > .zero, "a time-out is not above zero")
    try require(linger < deliveryTimeout, "linger is \(linger), not below the deliveryTimeout of \(deliveryTimeout)")
    try require(name?.isEmpty != true, "the producer's name is empty")
  }

  /// The largest batch that any topic takes.
  static let maxBatchBytes = 8 << 20
}
