extension Consumer {
  /// Processes batches of different partitions at a time, at most `maxConcurrent`; those of one partition one after the
  /// other, in order. A batch counts as processed when `body` returns.
  ///
  /// Returns when the consumer is closed. Throws what `body` throws, when all of them have ended: cancelled, where they
  /// heed that; and what iterating `batches` may throw.
  public func process(
    maxConcurrent: Int = 8, _ body: @escaping @Sendable (ConsumerBatch) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, maxConcurrent) {
        group.addTask {
          var batches = Batches.Iterator(self)
          while let batch = try await batches.next() { try await body(batch) }
        }
      }
      // The first that fails ends the others.
      for try await _ in group {}
    }
  }
}
