internal import TailraceStorage

/// Threads for the calls that are taken off the event loops.
///
/// Of their own, so that neither this work waits for the tasks of others nor they for it. As important to the system as
/// the loops: they take the same locks. Thread-safe.
final class CallExecutor: TaskExecutor {
  private let jobs = WorkQueue<UnownedJob>()

  /// `threadCount`: at least 1.
  init(threadCount: Int) throws(StorageError) {
    for index in 0..<max(1, threadCount) {
      // The threads must not keep the executor: they end with it.
      try WorkerThread.start(name: "calls-\(index)") { [weak self, jobs] in
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
