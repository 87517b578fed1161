internal import Metrics
internal import NIOCore
internal import TailraceWire

/// What a consumer tells metrics, where it was given any.
///
/// | metric | kind | dimensions |
/// |---|---|---|
/// | `tailrace_client_consumer_records` | counter of fetched records | `topic` |
/// | `tailrace_client_consumer_bytes` | counter of fetched bytes, as they are stored | `topic` |
/// | `tailrace_client_consumer_lag` | gauge of records that were not handed out yet, at most once a second | `topic`, `partition` |
/// | `tailrace_client_consumer_rebalances` | counter of times that partitions came or went | `kind`: assigned, revoked, lost |
struct ConsumerTelemetry {
  private let metrics: (any MetricsFactory)?
  private var counters: [String: (records: Counter, bytes: Counter)] = [:]
  private var lagAtMs = Int64.min

  init(_ metrics: (any MetricsFactory)?) { self.metrics = metrics }

  mutating func fetched(_ topic: String, _ batches: [FetchedBatch]) {
    guard let metrics, !batches.isEmpty else { return }
    let (records, bytes) = counters[topic] ?? Self.counters(topic, metrics)
    counters[topic] = (records, bytes)
    records.increment(by: batches.reduce(0) { $0 + Int64($1.header.recordCount) })
    bytes.increment(by: batches.reduce(0) { $0 + $1.records.readableBytes })
  }

  /// Tells how far behind the consumer is, unless it did so within the last second.
  mutating func behind(nowMs: Int64, _ lag: () -> [TopicPartition: Int64]) {
    guard let metrics, nowMs >= lagAtMs else { return }
    for (partition, count) in lag() {
      lagAtMs = nowMs + lagIntervalMs
      let dimensions = [("topic", partition.topic), ("partition", "\(partition.partition)")]
      Gauge(label: "tailrace_client_consumer_lag", dimensions: dimensions, factory: metrics).record(count)
    }
  }

  func rebalanced(_ kind: PartitionNotice) {
    guard let metrics else { return }
    Counter(label: "tailrace_client_consumer_rebalances", dimensions: [("kind", "\(kind)")], factory: metrics)
      .increment()
  }

  private static func counters(_ topic: String, _ metrics: any MetricsFactory) -> (records: Counter, bytes: Counter) {
    let dimensions = [("topic", topic)]
    return (
      Counter(label: "tailrace_client_consumer_records", dimensions: dimensions, factory: metrics),
      Counter(label: "tailrace_client_consumer_bytes", dimensions: dimensions, factory: metrics)
    )
  }
}

private let lagIntervalMs: Int64 = 1_000
