import NIOCore
import TailraceTransport
import TailraceWire
import Testing

@Suite struct ServerConfigurationTests {
  /// What `validate` says; empty where it is content.
  private func complaint(_ change: (inout ServerConfiguration) -> Void) -> String {
    var configuration = ServerConfiguration()
    change(&configuration)
    do {
      try configuration.validate()
      return ""
    } catch {
      return error.message
    }
  }

  @Test func `the defaults make sense`() {
    #expect(complaint { _ in } == "")
  }

  private struct Bound: CustomTestStringConvertible {
    let name: String
    let field: any WritableKeyPath<ServerConfiguration, Int> & Sendable
    let least: Int
    let most: Int

    var testDescription: String { name }
  }

  private static let bounds: [Bound] = [
    Bound(name: "port", field: \.port, least: 0, most: 65_535),
    Bound(name: "header", field: \.connection.frame.maxHeaderBytes, least: 256, most: 65_535),
    Bound(name: "metadata", field: \.connection.frame.maxMetadataEntries, least: 0, most: 65_535),
    Bound(name: "calls in flight", field: \.connection.maxCallsInFlight, least: 1, most: 65_535),
    Bound(name: "bytes in flight", field: \.connection.maxBytesInFlight, least: 16 << 20, most: 1 << 50),
    Bound(name: "used-up memory", field: \.connection.largeHolderBytes, least: 65_536, most: 1 << 50),
    Bound(name: "frame", field: \.connection.frame.maxFrameBytes, least: 65_536, most: 64 << 20),
    Bound(name: "connections", field: \.process.maxConnections, least: 1, most: 1_000_000),
    Bound(name: "refused", field: \.process.maxRefusedConnections, least: 0, most: 65_536),
    Bound(name: "memory", field: \.process.memoryBudgetBytes, least: 32 << 20, most: 1 << 50),
  ]

  @Test(arguments: bounds) private func `a number has a least and a most`(bound: Bound) {
    for value in [bound.least, bound.most] {
      #expect(complaint { $0[keyPath: bound.field] = value } == "")
    }
    for value in [bound.least - 1, bound.most + 1, .min, .max] {
      let complaint = complaint { $0[keyPath: bound.field] = value }
      #expect(complaint.contains(bound.name) && complaint.contains("\(value)"), "\(complaint)")
      #expect(!complaint.contains("\n"))
    }
  }

  private static let timeouts: [any WritableKeyPath<ServerConfiguration, TimeAmount> & Sendable] = [
    \.connection.idleTimeout, \.connection.prefaceTimeout, \.connection.stallTimeout,
    \.connection.keepaliveInterval, \.connection.keepaliveTimeout,
    \.connection.crampedStallTimeout, \.connection.lingerTimeout, \.process.drainTimeout,
  ]

  @Test func `a time-out is from a millisecond to a week, and draining may take no time`() {
    for field in Self.timeouts {
      let least: TimeAmount = field == \.process.drainTimeout ? .zero : .milliseconds(1)
      for value in [least, .hours(24 * 7)] { #expect(complaint { $0[keyPath: field] = value } == "") }
      for value in [least - .nanoseconds(1), .hours(24 * 7) + .nanoseconds(1), .nanoseconds(.max)] {
        #expect(complaint { $0[keyPath: field] = value }.contains(" ms: it must be from "))
      }
    }
  }

  @Test func `the number of event loops is from 1 to 1024, or left to the machine`() {
    for value in [nil, 1, 1024] { #expect(complaint { $0.eventLoopCount = value } == "") }
    for value in [0, -1, 1025] { #expect(complaint { $0.eventLoopCount = value }.contains("event loops is \(value)")) }
  }

  @Test func `limits that contradict each other are told with both values`() {
    #expect(
      complaint { $0.connection.maxBytesInFlight = 1 << 20 }
        == "the limit of bytes in flight on a connection is 1048576: it must be at least the frame limit, which is"
        + " 16777216 bytes")
    #expect(
      complaint { $0.process.memoryBudgetBytes = 16 << 20 }
        == "the memory for all connections is 16777216 bytes: it must be at least twice the frame limit, which is"
        + " 16777216")
  }
}
