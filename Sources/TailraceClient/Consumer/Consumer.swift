public import ServiceLifecycle

/// Reads records: as a member of a group, which shares partitions and remembers how far it came, or alone.
///
/// ```swift
/// let consumer = try Consumer(client, ConsumerConfiguration(.group("billing", topics: ["orders"])))
/// for try await record in consumer.records { try await bill(record) }
/// ```
///
/// At least once: a record counts as processed when the next one is asked for, and only what is processed is committed.
/// After a crash, or when a partition is lost, what was not committed comes again, here or elsewhere.
///
/// It begins when it is first used, goes on by itself when the broker was away, and ends with `close`, which each
/// consumer needs; see also `withConsumer` and `run`. Thread-safe.
public final class Consumer: Service {
  let configuration: ConsumerConfiguration
  let client: Client
  let engine: ConsumerEngine

  /// A consumer; nothing is read yet. Fails with INVALID_ARGUMENT where the configuration makes no sense.
  public init(_ client: Client, _ configuration: ConsumerConfiguration) throws(TailraceError) {
    self.client = client
    self.configuration = configuration
    engine = try ConsumerEngine(client, configuration)
  }

  /// What outlives it until it is closed; for tests that look whether anything does longer.
  package var works: any AnyObject & Sendable { engine }

  /// A consumer that nobody refers to any more closes by itself; nobody hears of what fails then.
  deinit { engine.post(.close) }

  /// Reads ahead until the task is cancelled or the service group shuts down, then closes. Meanwhile others iterate or
  /// process. Throws what ended the consumer, if anything did.
  public func run() async throws {
    engine.post(.start)
    let engine = engine
    await withTaskGroup(of: Void.self) { group in
      group.addTask { try? await gracefulShutdown() }
      group.addTask { await engine.ended() }
      await group.next()
      group.cancelAll()
    }
    await close()
    if let reason = await engine.reason { throw reason }
  }

  /// Ends all iterations, waits until the records at work are done with, commits in automatic mode, and leaves the group;
  /// after `closeTimeout` it waits no more. A loop that closes its own consumer does not wait for itself.
  ///
  /// A loop's last record is done with when its iteration ends by itself, since the next one was asked for. Where the loop
  /// was left, or closes the consumer, it is not known to be: it comes again, here with the next iteration or elsewhere,
  /// unless it was committed.
  public func close() async {
    let task = taskNumber()
    engine.queue.update { $0.addCloser(task) }
    await engine.close()
  }
}

/// Runs `body` with a consumer that is closed when `body` ends, in whatever way. Where it returns, the last record that
/// it was given counts as processed, too.
public func withConsumer<Value: Sendable>(
  _ client: Client, _ configuration: ConsumerConfiguration, _ body: (Consumer) async throws -> Value
) async throws -> Value {
  let consumer = try Consumer(client, configuration)
  do {
    let value = try await body(consumer)
    consumer.engine.queue.update { $0.markProcessed($0.delivered) }
    await consumer.close()
    return value
  } catch {
    await consumer.close()
    throw error
  }
}
