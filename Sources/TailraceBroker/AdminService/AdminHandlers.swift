package import NIOCore
package import TailraceStorage
package import TailraceWire

/// AdminService: one file per method. What is not there answers UNIMPLEMENTED.
package struct AdminHandlers: AdminServiceHandler {
  let registry: TopicRegistry
  let store: any LogStore
  let clock: any WallClock
  let info: BrokerInfo

  package init(registry: TopicRegistry, store: any LogStore, clock: any WallClock, info: BrokerInfo) {
    self.registry = registry
    self.store = store
    self.clock = clock
    self.info = info
  }
}

/// What the broker tells of itself.
package struct BrokerInfo: Sendable {
  /// "0.1.0".
  package var version: String
  /// 16 bytes, or empty.
  package var clusterID: ByteBuffer
  package var limits: Limits
  /// When the broker was started, on the monotonic clock.
  package var startedAt: NIODeadline

  package init(version: String, clusterID: ByteBuffer, limits: Limits, startedAt: NIODeadline) {
    self.version = version
    self.clusterID = clusterID
    self.limits = limits
    self.startedAt = startedAt
  }
}
