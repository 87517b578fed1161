import Synchronization
import TailraceStorage
import TailraceTesting

/// Options for a broker whose store can be made to fail; `store` is the one of the broker that was started last.
final class Wrapped: Sendable {
  private let current = Mutex<ProbeLogStore?>(nil)

  var store: ProbeLogStore? { current.withLock { $0 } }

  var options: TestBroker.Options {
    var options = TestBroker.Options()
    options.wrapStore = { [self] base in
      let probe = ProbeLogStore(base)
      current.withLock { $0 = probe }
      return probe
    }
    return options
  }
}
