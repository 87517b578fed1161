#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import DequeModule

/// A queue between threads: whoever pops waits until there is something. Thread-safe.
package final class WorkQueue<Element: Sendable>: @unchecked Sendable {
  // `elements` and `isClosed` are read and written under `mutex` only; the pointers never change.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var elements: Deque<Element> = []
  private var isClosed = false

  /// What a wait came to.
  enum Popped {
    case element(Element)
    case timeout
    /// Closed, and nothing is left.
    case closed
  }

  package init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Adds an element at the end; false where the queue is closed.
  @discardableResult
  package func push(_ element: Element) -> Bool {
    pthread_mutex_lock(mutex)
    let isOpen = !isClosed
    if isOpen { elements.append(element) }
    pthread_mutex_unlock(mutex)
    if isOpen { pthread_cond_signal(condition) }
    return isOpen
  }

  /// Whether nothing is queued, at this moment.
  var isEmpty: Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return elements.isEmpty
  }

  /// Takes the first element, waiting for one; nil when the queue is closed and empty.
  package func pop() -> Element? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let element = elements.popFirst() { return element }
      if isClosed { return nil }
      pthread_cond_wait(condition, mutex)
    }
  }

  /// The same, waiting for at most `milliseconds` of real time.
  func pop(withinMs milliseconds: Int) -> Popped {
    var deadline = timespec()
    clock_gettime(CLOCK_MONOTONIC, &deadline)
    let nanoseconds = Int(deadline.tv_nsec) + milliseconds % 1_000 * 1_000_000
    deadline.tv_sec += milliseconds / 1_000 + nanoseconds / 1_000_000_000
    deadline.tv_nsec = nanoseconds % 1_000_000_000
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let element = elements.popFirst() { return .element(element) }
      if isClosed { return .closed }
      guard pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT else {
        return elements.popFirst().map { .element($0) } ?? .timeout
      }
    }
  }

  /// Takes no more; what is queued is still handed out.
  package func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_mutex_unlock(mutex)
    pthread_cond_broadcast(condition)
  }
}
