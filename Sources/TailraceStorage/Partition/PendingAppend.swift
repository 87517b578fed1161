internal import Synchronization
internal import TailraceWire

/// Collects the outcomes of one request's parts, and completes it with the last of them. Thread-safe.
final class PendingAppend: Sendable {
  private struct Progress {
    var outcomes: [AppendOutcome]
    var missing: Int
  }

  private let progress: Mutex<Progress>
  private let completion: @Sendable ([AppendOutcome]) -> Void

  /// `partCount`: at least 1.
  init(partCount: Int, completion: @escaping @Sendable ([AppendOutcome]) -> Void) {
    let unresolved = AppendOutcome.unknown(StorageError(.failed, "the append was not carried out"))
    progress = Mutex(Progress(outcomes: Array(repeating: unresolved, count: partCount), missing: partCount))
    self.completion = completion
  }

  /// Sets the outcome of a part: once for each. Never to be called under a partition's lock.
  func resolve(part: Int, _ outcome: AppendOutcome) {
    let all: [AppendOutcome]? = progress.withLock { progress in
      progress.outcomes[part] = outcome
      progress.missing -= 1
      return progress.missing == 0 ? progress.outcomes : nil
    }
    if let all { completion(all) }
  }
}

/// Who waits for one batch's outcome. It does not keep the batch.
struct AppendReceiver: Sendable {
  let request: PendingAppend
  /// The batch's place among the request's parts.
  let part: Int
}

/// One batch on its way into a partition, and who waits for it.
struct AppendItem: Sendable {
  let batch: ValidatedBatch
  let durability: AppendDurability
  let receiver: AppendReceiver
}
