import NIOCore
import NIOEmbedded
@testable import TailraceTransport
import TailraceWire
import Testing

/// Whether a silent peer is asked if it is there.
@Suite struct GRPCKeepaliveTests {
  private let limits = ConnectionLimits(
    idleTimeout: .hours(24), stallTimeout: .hours(24), keepaliveInterval: .seconds(30), keepaliveTimeout: .seconds(20))
  private let pong = EmbeddedGRPCConnection.frame(.ping, flags: 1, ByteBuffer(integer: UInt64(0)))

  /// - Parameter isWaiting: Whether it has a call in flight.
  private func connection(isWaiting: Bool = true) throws -> EmbeddedGRPCConnection {
    let connection = try EmbeddedGRPCConnection(limits: limits)
    try connection.open()
    if isWaiting { try connection.send(connection.call(1, .logServiceFetch)) }
    _ = try connection.received()
    return connection
  }

  private func pings(_ connection: EmbeddedGRPCConnection) throws -> Int {
    try connection.received().filter { $0.kind == .ping && $0.flags == 0 }.count
  }

  @Test func `a peer that is silent while a call is in flight is asked, and cut where it does not answer`() throws {
    let connection = try connection()
    connection.advance(.seconds(29))
    #expect(try pings(connection) == 0)
    // The door looks after its peers twice a time-out.
    connection.advance(.seconds(10))
    #expect(try pings(connection) == 1)
    connection.advance(.seconds(10))
    #expect(connection.channel.isActive)
    #expect(try pings(connection) == 0)
    connection.advance(.seconds(11))
    #expect(!connection.channel.isActive)
  }

  @Test func `one that answers stays, and is asked again`() throws {
    let connection = try connection()
    for _ in 0..<10 {
      connection.advance(.seconds(40))
      #expect(try pings(connection) == 1)
      try connection.send(pong)
    }
    #expect(connection.channel.isActive)
  }

  @Test func `whatever comes is an answer`() throws {
    let connection = try connection()
    for stream in stride(from: UInt32(3), to: 43, by: 2) {
      connection.advance(.seconds(20))
      try connection.send(connection.call(stream))
    }
    #expect(connection.channel.isActive)
    #expect(try pings(connection) == 0)
  }

  @Test func `one without calls in flight is not asked`() throws {
    let connection = try connection(isWaiting: false)
    connection.advance(.hours(1))
    #expect(try pings(connection) == 0)
    #expect(connection.channel.isActive)
  }
}
