/// What is to be done after a partition's lock is let go: nothing of it may run under the lock.
struct LogEffects {
  struct Resolution {
    var completion: @Sendable (AppendOutcome) -> Void
    var outcome: AppendOutcome
  }

  /// A turn in how appends fare: to be logged.
  enum AppendChange {
    /// Refused from now on, for now or for good.
    case failing(StorageError)
    case working
  }

  var resolutions: [Resolution] = []
  /// Readers that waited for what is there now.
  var notifications: [@Sendable () -> Void] = []
  /// Whether the partition is to be handed to the flusher. At most one such hand-over is under way.
  var wantsFlush = false
  /// When the partition is to be flushed at the latest, milliseconds since 1970; nil where nothing new is to be timed.
  var flushDueMs: Int64?
  var appendChange: AppendChange?

  mutating func resolve(_ completion: @escaping @Sendable (AppendOutcome) -> Void, _ outcome: AppendOutcome) {
    resolutions.append(Resolution(completion: completion, outcome: outcome))
  }

  /// Completes and notifies. No lock may be held.
  func perform() {
    for resolution in resolutions { resolution.completion(resolution.outcome) }
    for notify in notifications { notify() }
  }
}
