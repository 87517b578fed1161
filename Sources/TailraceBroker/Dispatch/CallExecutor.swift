internal import TailraceStorage

/// Threads for the calls that are taken off the event loops.
///
/// They are a little less important to the system than the loops: what is much work takes what is left of the cores, and
/// does not keep small calls waiting. Thread-safe.
final class CallExecutor: TaskExecutor {
  private static let niceness: CInt = 10
  private let jobs = WorkQueue<UnownedJob>()

  /// `threadCount`: at least 1.
  init(threadCount: Int) throws(StorageError) {
    for index in 0..<max(1, threadCount) {
      // The threads must not keep the executor: they end with it.
      try WorkerThread.start(name: "calls-\(index)", niceness: Self.niceness) { [weak self, jobs] in
        while let job = jobs.pop() {
          // Whoever waits for a job keeps the executor.
          guard let self else { return }
          job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
      }
    }
  }

  deinit { jobs.close() }

  func enqueue(_ job: consuming ExecutorJob) { jobs.push(UnownedJob(job)) }
}
