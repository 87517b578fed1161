import Dispatch
import Synchronization
import Testing
@testable import TailraceBroker

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads for calls that are much work.
@Suite(.serialized) struct CallExecutorTests {
  /// The calling thread, and its niceness: on Linux each has its own.
  private static func thread() -> (identity: Int, niceness: CInt) {
    (Int(bitPattern: pthread_self()), getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0))
  }

  @Test func `tasks run on its own threads, which are as important as others`() async throws {
    let executor = try CallExecutor(threadCount: 2)
    let usual = Self.thread().niceness
    var threads: Set<Int> = []
    for _ in 0..<50 {
      let (thread, niceness) = await Task(executorPreference: executor) {
        await Task.yield()
        return Self.thread()
      }.value
      threads.insert(thread)
      #expect(niceness == usual, "they take the same locks as the event loops")
    }
    #expect((1...2).contains(threads.count))
    #expect(!threads.contains(Self.thread().identity))
  }

  @Test func `as many tasks run at once as there are threads`() async throws {
    let executor = try CallExecutor(threadCount: 3)
    // Each blocks its thread until all of them run.
    let (arrived, go) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let tasks = (0..<3).map { _ in
      Task(executorPreference: executor) {
        Self.signal(arrived)
        return Self.isSignalled(go)
      }
    }
    let all = Task(executorPreference: globalConcurrentExecutor) {
      (0..<3).allSatisfy { _ in Self.isSignalled(arrived) }
    }
    #expect(await all.value)
    for _ in 0..<3 { Self.signal(go) }
    for task in tasks { #expect(await task.value) }
  }

  private static func signal(_ semaphore: DispatchSemaphore) { semaphore.signal() }
  private static func isSignalled(_ semaphore: DispatchSemaphore) -> Bool {
    semaphore.wait(timeout: .now() + 60) == .success
  }

  @Test func `whoever has a task on it keeps it, and it goes with the last one`() async throws {
    weak var gone: CallExecutor?
    let task: Task<Bool, Never>
    do {
      let executor = try CallExecutor(threadCount: 2)
      gone = executor
      task = Task(executorPreference: executor) {
        while !Task.isCancelled { await Task.yield() }
        return true
      }
    }
    #expect(gone != nil)
    task.cancel()
    #expect(await task.value)
    let deadline = ContinuousClock.now + .seconds(10)
    while gone != nil, ContinuousClock.now < deadline { await Task.yield() }
    #expect(gone == nil)
  }

  @Test func `its threads end with it`() async throws {
    let before = Self.threadCount()
    do {
      let executor = try CallExecutor(threadCount: 16)
      await Task(executorPreference: executor) {}.value
      #expect(Self.threadCount() >= 16)
    }
    // Other tests start threads too, but not so many.
    let deadline = ContinuousClock.now + .seconds(10)
    while Self.threadCount() >= before + 16, ContinuousClock.now < deadline { await Task.yield() }
    #expect(Self.threadCount() < before + 16)
  }

  private static func threadCount() -> Int {
    guard let directory = opendir("/proc/self/task") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count - 2
  }
}
