internal import TailraceWire

/// A broker as it describes itself.
public struct ClusterDescription: Hashable, Sendable {
  /// Bounds that the broker enforces.
  public struct Limits: Hashable, Sendable {
    /// Bytes of a frame, the unit that requests and responses travel in.
    public var maxFrameBytes: Int
    /// Bytes of a batch, on any topic.
    public var maxBatchBytes: Int
    /// Calls in flight on a connection.
    public var maxCallsInFlight: Int
    /// Partitions of a topic.
    public var maxPartitionsPerTopic: Int
    /// Connections to the broker.
    public var maxConnections: Int
  }

  /// The broker's version: "0.1.0".
  public var version: String
  /// Drawn when the data directory was made: 32 hexadecimal digits.
  public var clusterID: String
  /// How long it has been running.
  public var uptime: Duration
  /// How many topics there are, the broker's own left out.
  public var topicCount: Int
  /// The bounds in force. 0: not told.
  public var limits: Limits
  /// The calls that it answers: "tailrace.v1.LogService/Produce".
  public var methods: [String]
  /// Names of what is there beyond the calls, by name.
  public var features: [String]
}

extension ClusterDescription {
  init(_ response: DescribeClusterResponse) {
    version = response.serverVersion
    clusterID = TopicID.text(response.clusterID)
    uptime = .milliseconds(Int64(clamping: response.uptimeMs))
    topicCount = Int(response.topicCount)
    limits = Limits(response.limits ?? TailraceWire.Limits())
    methods = response.methods.filter(\.implemented).map(\.name)
    features = response.features
  }
}

extension ClusterDescription.Limits {
  fileprivate init(_ limits: TailraceWire.Limits) {
    maxFrameBytes = Int(limits.maxFrameBytes)
    maxBatchBytes = Int(limits.maxBatchBytes)
    maxCallsInFlight = Int(limits.maxCallsInFlight)
    maxPartitionsPerTopic = Int(limits.maxPartitionsPerTopic)
    maxConnections = Int(limits.maxConnections)
  }
}
