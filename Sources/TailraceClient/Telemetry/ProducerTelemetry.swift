internal import Metrics

/// What a producer counts, where it was given somewhere to count. Thread-safe.
///
/// | metric | kind | meaning |
/// |---|---|---|
/// | `tailrace_client_produced_records` | counter | records that were stored |
/// | `tailrace_client_produced_bytes` | counter | their bytes before compression |
/// | `tailrace_client_failed_records` | counter | records that were not, as far as is known |
/// | `tailrace_client_produce_retries` | counter | batches that were sent again |
struct ProducerTelemetry: Sendable {
  private struct Counters: Sendable {
    let records: Counter
    let bytes: Counter
    let failures: Counter
    let retries: Counter
  }

  private let counters: Counters?

  init(_ configuration: ClientConfiguration) {
    counters = configuration.metrics.map { metrics in
      func counter(_ name: String) -> Counter { Counter(label: "tailrace_client_\(name)", factory: metrics) }
      return Counters(
        records: counter("produced_records"), bytes: counter("produced_bytes"), failures: counter("failed_records"),
        retries: counter("produce_retries"))
    }
  }

  func settled(_ batch: PartitionQueue.Settled) {
    guard let counters else { return }
    switch batch.outcome {
    case .success:
      counters.records.increment(by: batch.recordCount)
      counters.bytes.increment(by: batch.bufferedBytes)
    case .failure: counters.failures.increment(by: batch.recordCount)
    }
  }

  func retried() { counters?.retries.increment() }
}
