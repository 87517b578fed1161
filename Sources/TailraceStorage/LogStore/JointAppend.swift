internal import Synchronization

/// Collects the outcomes of appends that are told together, and tells them with the last one. Thread-safe.
final class JointAppend: Sendable {
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
