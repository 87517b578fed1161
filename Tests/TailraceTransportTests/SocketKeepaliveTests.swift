import NIOCore
@testable import TailraceTransport
import TailraceWire
import Testing

@Suite struct SocketKeepaliveTests {
  private func keepalive(interval: TimeAmount, timeout: TimeAmount) -> [Int] {
    let keepalive = SocketKeepalive(ConnectionLimits(keepaliveInterval: interval, keepaliveTimeout: timeout))
    return [keepalive.idleSeconds, keepalive.probeSeconds, keepalive.probeCount]
  }

  @Test func `a peer that does not answer is given up after interval and time-out together`() {
    #expect(keepalive(interval: .seconds(30), timeout: .seconds(20)) == [30, 5, 4])
  }

  @Test func `what the kernel does not take becomes the next that it does`() {
    #expect(keepalive(interval: .milliseconds(1), timeout: .milliseconds(1)) == [1, 1, 4])
    #expect(keepalive(interval: .hours(24 * 7), timeout: .hours(24 * 7)) == [32_767, 32_767, 4])
  }
}
