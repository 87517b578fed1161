import NIOCore
import NIOPosix
import Synchronization
import TailraceClient
import TailraceTransport
import TailraceWire
import Testing

/// Says one thing to whoever connects, and nothing else.
private final class Greeter: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let greeting: ByteBuffer

  init(_ greeting: ByteBuffer) { self.greeting = greeting }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
  }

  static func listen(_ greeting: ByteBuffer) async throws -> any Channel {
    try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { $0.pipeline.addHandler(Greeter(greeting)) }
      .bind(host: "127.0.0.1", port: 0).get()
  }
}

@Suite(.serialized, .timeLimit(.minutes(15))) struct ConnectionTests {
  private func ping(
    _ connection: Connection, _ text: String, _ options: CallOptions = CallOptions()
  ) async throws(RPCError) -> String {
    String(buffer: try await connection.call(.adminServicePing, ByteBuffer(string: text), options))
  }

  private func failure(_ body: () async throws -> Void) async -> RPCError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? RPCError
    }
  }

  @Test func `many calls at a time each get their own answer`() async throws {
    try await withServer { _, port in
      let connection = try await Connection.connect(host: "127.0.0.1", port: port)
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<3000 {
          group.addTask {
            let options = CallOptions(metadata: [Metadata(key: "k", value: "v")])
            let answer = try? await connection.call(.adminServicePing, ByteBuffer(string: "\(index)"), options)
            #expect(answer.map { String(buffer: $0) } == "\(index)")
          }
        }
      }
      await connection.close()
    }
  }

  @Test func `calls beyond the limit in flight wait for others, in order`() async throws {
    let dispatcher = EchoDispatcher()
    try await withServer(dispatcher) { _, port in
      let connection = try await Connection.connect(
        host: "127.0.0.1", port: port, configuration: ConnectionConfiguration(maxCallsInFlight: 2))
      let order = Mutex<[Int]>([])
      for index in 0..<5 {
        connection.send(index < 2 ? .logServiceFetch : .adminServicePing, ByteBuffer()) { _ in
          order.withLock { $0.append(index) }
        }
      }
      while dispatcher.parked.count < 2 { await Task.yield() }
      #expect(order.withLock { $0 }.isEmpty)
      for parked in dispatcher.parked { parked.connection.respond(.message(ByteBuffer()), to: parked.call.id) }
      while order.withLock({ $0.count }) < 5 { await Task.yield() }
      // The second of the two in flight may be answered before or after those that the first one let through.
      #expect(order.withLock { $0.filter { $0 != 1 } } == [0, 2, 3, 4])
      await connection.close()
    }
  }

  @Test func `unsent requests past the bound fail at once`() async throws {
    try await withServer { _, port in
      let connection = try await Connection.connect(
        host: "127.0.0.1", port: port,
        configuration: ConnectionConfiguration(maxCallsInFlight: 1, maxUnsentBytes: 1000))
      let codes = Mutex<[StatusCode]>([])
      connection.send(.logServiceFetch, ByteBuffer()) { _ in }
      for _ in 0..<3 {
        connection.send(.adminServicePing, ByteBuffer(repeating: 0, count: 500)) { result in
          if case .failure(let error) = result { codes.withLock { $0.append(error.code) } }
        }
      }
      while codes.withLock({ $0.isEmpty }) { await Task.yield() }
      #expect(codes.withLock { $0 } == [.resourceExhausted])
      await connection.close()
    }
  }

  @Test func `a failure arrives with code, text and error`() async throws {
    try await withServer { _, port in
      let connection = try await Connection.connect(host: "127.0.0.1", port: port)
      let error = await failure { _ = try await connection.call(.logServiceInitProducer, ByteBuffer(), CallOptions()) }
      #expect(error == RPCError(.notFound, "no producer", error: .unknownProducer))
      #expect(try await ping(connection, "still fine") == "still fine")
      await connection.close()
    }
  }

  @Test func `a server that is not there is said to be so`() async throws {
    // A port that was free a moment ago.
    let probe = try await Greeter.listen(ByteBuffer())
    let port = probe.localAddress?.port ?? 0
    try await probe.close()
    let error = await failure { _ = try await Connection.connect(host: "127.0.0.1", port: port) }
    #expect(error?.code == .unavailable)
    #expect(error?.message == "cannot connect to 127.0.0.1:\(port): connection refused; is the broker running?")
  }

  @Test func `a server that refuses the connection is quoted`() async throws {
    try await withServer(process: ProcessLimits(maxConnections: 1)) { _, port in
      let first = try await Connection.connect(host: "127.0.0.1", port: port)
      let error = await failure {
        let second = try await Connection.connect(host: "127.0.0.1", port: port)
        _ = try await ping(second, "")
      }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message.contains("127.0.0.1:\(port)") == true)
      await first.close()
    }
  }

  @Test func `something that is no broker is named as such`() async throws {
    let impostor = try await Greeter.listen(ByteBuffer(string: "SSH-2.0-OpenSSH_9.2\r\n"))
    let port = impostor.localAddress?.port ?? 0
    let error = await failure { _ = try await Connection.connect(host: "127.0.0.1", port: port) }
    #expect(error?.code == .unavailable)
    #expect(error?.message.hasPrefix("127.0.0.1:\(port) is no Tailrace broker") == true)
    try await impostor.close()
  }

  @Test func `a server that says nothing is given up`() async throws {
    let silent = try await Greeter.listen(ByteBuffer())
    let error = await failure {
      _ = try await Connection.connect(
        host: "127.0.0.1", port: silent.localAddress?.port ?? 0,
        configuration: ConnectionConfiguration(connectTimeout: .milliseconds(50)))
    }
    #expect(error?.code == .unavailable)
    try await silent.close()
  }

  @Test func `a lost connection fails all its calls, and those that come later, naming the server`() async throws {
    let dispatcher = EchoDispatcher()
    try await withServer(dispatcher) { server, port in
      let connection = try await Connection.connect(host: "127.0.0.1", port: port)
      async let parked = failure { _ = try await connection.call(.logServiceFetch, ByteBuffer(), CallOptions()) }
      while dispatcher.parked.isEmpty { await Task.yield() }
      await server.shutdown(grace: .zero)
      let error = await parked
      #expect(error?.code == .unavailable)
      #expect(error?.message.contains("127.0.0.1:\(port)") == true)
      let later = await failure { _ = try await ping(connection, "") }
      #expect(later?.code == .unavailable)
      #expect(!connection.isOpen)
    }
  }

  @Test func `a cancelled task cancels its call at the server`() async throws {
    let dispatcher = EchoDispatcher()
    try await withServer(dispatcher) { _, port in
      let connection = try await Connection.connect(host: "127.0.0.1", port: port)
      let task = Task { await failure { _ = try await connection.call(.logServiceFetch, ByteBuffer(), CallOptions()) } }
      while dispatcher.parked.isEmpty { await Task.yield() }
      task.cancel()
      #expect(await task.value?.code == .cancelled)
      while dispatcher.abandoned.isEmpty { await Task.yield() }
      #expect(dispatcher.abandoned == dispatcher.parked.map(\.call.id))
      let early = Task {
        await failure { _ = try await connection.call(.logServiceFetch, ByteBuffer(), CallOptions()) }
      }
      early.cancel()
      #expect(await early.value?.code == .cancelled)
      #expect(try await ping(connection, "on") == "on")
      await connection.close()
    }
  }

  @Test func `a time-out is sent along and answered by the server`() async throws {
    let dispatcher = EchoDispatcher()
    try await withServer(dispatcher) { _, port in
      let connection = try await Connection.connect(
        host: "127.0.0.1", port: port, configuration: ConnectionConfiguration(timeoutSlack: .seconds(60)))
      let error = await failure {
        _ = try await connection.call(.logServiceFetch, ByteBuffer(), CallOptions(timeout: .milliseconds(30)))
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(error?.message.contains("timeout_ms") == true)
      await connection.close()
    }
  }

  @Test func `a server that keeps no time-out is not waited for`() async throws {
    var preface = ByteBuffer()
    ServerPreface(answering: ClientPreface()).write(to: &preface)
    let deaf = try await Greeter.listen(preface)
    let connection = try await Connection.connect(
      host: "127.0.0.1", port: deaf.localAddress?.port ?? 0,
      configuration: ConnectionConfiguration(maxCallsInFlight: 1, timeoutSlack: .milliseconds(1)))
    let options = CallOptions(timeout: .milliseconds(20))
    async let first = failure { _ = try await ping(connection, "on the wire", options) }
    async let second = failure { _ = try await ping(connection, "in the queue", options) }
    let codes = await [first?.code, second?.code]
    #expect(codes == [.deadlineExceeded, .deadlineExceeded])
    await connection.close()
    try await deaf.close()
  }

  @Test func `a request larger than a frame fails alone`() async throws {
    try await withServer { _, port in
      let connection = try await Connection.connect(
        host: "127.0.0.1", port: port, configuration: ConnectionConfiguration(frame: FrameLimits(maxFrameBytes: 2000)))
      let error = await failure {
        _ = try await connection.call(.adminServicePing, ByteBuffer(repeating: 0, count: 2000), CallOptions())
      }
      #expect(error?.code == .invalidArgument)
      #expect(try await ping(connection, "on") == "on")
      await connection.close()
    }
  }
}
