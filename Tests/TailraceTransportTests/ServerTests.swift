import Logging
import NIOCore
import TailraceTransport
import TailraceWire
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Runs `body` with a server on a free port, and stops it.
func withServer(
  _ dispatcher: any RequestDispatcher = FakeDispatcher.standard(), connection: ConnectionLimits = .default,
  process: ProcessLimits = .default, _ body: (Server, Int) async throws -> Void
) async throws {
  let configuration = ServerConfiguration(port: 0, eventLoopCount: 2, connection: connection, process: process)
  let server = try await Server.bind(
    configuration, dispatcher: dispatcher, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  do {
    try await body(server, server.boundAddress.port ?? 0)
  } catch {
    await server.shutdown(grace: .zero)
    throw error
  }
  await server.shutdown(grace: .zero)
}

/// Returns as soon as `isSo` holds, and throws where it does not within 20 s.
private func eventually(_ isSo: () -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(20)
  while !isSo() {
    if ContinuousClock.now > end { throw CancellationError() }
    await Task.yield()
  }
}

@Suite(.serialized, .timeLimit(.minutes(15))) struct ServerTests {
  @Test func `a thousand pipelined calls are all answered, in the order sent`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket.native(port: port)
      try socket.write(joined((1...1000).map { try call($0, .adminServicePing, "message \($0)") }))
      for id in 1...1000 as ClosedRange<UInt64> {
        let answer = try socket.nextAnswer()
        #expect(answer.id == id && answer.text == "message \(id)")
      }
    }
  }

  @Test func `large messages come back whole`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket.native(port: port)
      let large = String(repeating: "0123456789abcdef", count: 32 << 10)
      for id in 1...8 as ClosedRange<UInt64> { try socket.write(call(id, .adminServicePing, large)) }
      for id in 1...8 as ClosedRange<UInt64> {
        let answer = try socket.nextAnswer()
        #expect(answer.id == id && answer.text == large)
      }
    }
  }

  @Test func `a preface that comes byte by byte is a preface`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket(port: port)
      var bytes = ByteBuffer()
      ClientPreface().write(to: &bytes)
      bytes.writeImmutableBuffer(try call(1))
      for byte in bytes.readableBytesView { try socket.write(ByteBuffer(bytes: [byte])) }
      _ = try socket.read(exactly: 8)
      #expect(try socket.nextAnswer().id == 1)
    }
  }

  @Test func `a version that is not spoken gets the range, a reason, and the end`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket(port: port)
      var bytes = ByteBuffer()
      ClientPreface(majorVersion: 9).write(to: &bytes)
      try socket.write(bytes)
      var all = try socket.readToEnd()
      #expect(try ServerPreface(reading: &all) == ServerPreface(majorVersion: 0, lowestVersion: 1, highestVersion: 1))
      #expect(try answers(all).map(\.code) == [.unimplemented])
    }
  }

  @Test(arguments: ["GET / HTTP/1.1\r\n\r\n", "POST /x HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n"])
  func `HTTP gets a 404 with a hint`(request: String) async throws {
    try await withServer { _, port in
      let socket = try RawSocket(port: port)
      try socket.write(ByteBuffer(string: request))
      let text = String(buffer: try socket.readToEnd())
      #expect(text.hasPrefix("HTTP/1.1 404 Not Found\r\n") && text.contains("Tailrace"))
      // What it refers to is there for whoever has the program's sources.
      #expect(text.contains("'The protocol in a page' of the README"))
    }
  }

  @Test func `anything else gets one error frame`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket(port: port)
      try socket.write(ByteBuffer(string: "hello, is there anybody?"))
      let all = try answers(socket.readToEnd())
      #expect(all.map(\.id) == [0] && all.map(\.code) == [.invalidArgument])
    }
  }

  @Test func `a connection that says nothing is closed after the preface time-out`() async throws {
    try await withServer(connection: ConnectionLimits(prefaceTimeout: .milliseconds(50))) { _, port in
      let silent = try RawSocket(port: port)
      let half = try RawSocket(port: port)
      try half.write(ByteBuffer(string: "TRPC\u{1}"))
      #expect(try silent.readToEnd().readableBytes == 0)
      #expect(try half.readToEnd().readableBytes == 0)
    }
  }

  @Test func `a client that shut its side still gets its answers`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket.native(port: port)
      try socket.write(joined((1...10).map { try call($0, .adminServicePing, "x") }))
      socket.shutDownOutput()
      #expect(try answers(socket.readToEnd()).map(\.id) == Array(1...10))
    }
  }

  @Test func `an error frame arrives though the client is still sending`() async throws {
    try await withServer { _, port in
      let socket = try RawSocket.native(port: port)
      var bytes = ByteBuffer(integer: UInt32.max)
      bytes.writeRepeatingByte(0x55, count: 1 << 20)
      try socket.write(bytes)
      let all = try answers(socket.readToEnd())
      #expect(all.map(\.code) == [.resourceExhausted])
    }
  }

  @Test func `one connection too many is told so, and there is room again when another closes`() async throws {
    try await withServer(process: ProcessLimits(maxConnections: 2)) { server, port in
      let first = try RawSocket.native(port: port)
      do {
        let second = try RawSocket.native(port: port)
        let refused = try RawSocket.native(port: port)
        #expect(try refused.nextAnswer().code == .resourceExhausted)
        for socket in [first, second] {
          try socket.write(call(1))
          #expect(try socket.nextAnswer().id == 1)
        }
      }
      while server.connectionCount > 1 { await Task.yield() }
      let third = try RawSocket.native(port: port)
      try third.write(call(3))
      #expect(try third.nextAnswer().id == 3)
    }
  }

  @Test func `those too many are told so a few at a time and for a short time, and closed at once beyond that`()
    async throws
  {
    let limits = ConnectionLimits(lingerTimeout: .seconds(1))
    let process = ProcessLimits(maxConnections: 1, maxRefusedConnections: 2)
    try await withServer(connection: limits, process: process) { server, port in
      let first = try RawSocket.native(port: port)
      // These neither read nor close.
      let told = try (0..<2).map { _ in try RawSocket(port: port) }
      try await eventually { server.refusedConnectionCount == 2 }
      for _ in 0..<10 {
        let closed = try RawSocket(port: port)
        #expect(try closed.readToEnd().readableBytes == 0)
      }
      #expect(server.refusedConnectionCount == 2)
      try await eventually { server.refusedConnectionCount == 0 }
      for socket in told { #expect(try socket.readToEnd().readableBytes > Preface.byteCount) }
      try first.write(call(1))
      #expect(try first.nextAnswer().id == 1)
    }
  }

  @Test func `answers from other threads arrive`() async throws {
    let dispatcher = FakeDispatcher.standard()
    try await withServer(dispatcher) { server, port in
      let socket = try RawSocket.native(port: port)
      try socket.write(joined((1...200).map { try call($0, .logServiceFetch) }))
      while dispatcher.taken.count < 200 { await Task.yield() }
      await withTaskGroup(of: Void.self) { group in
        for taken in dispatcher.taken {
          group.addTask { taken.connection.respond(.message(ByteBuffer(string: "late")), to: taken.call.id) }
        }
      }
      let ids = try (0..<200).map { _ in try socket.nextAnswer().id }
      #expect(ids.sorted() == Array(1...200))
      try await eventually { server.budget.usedBytes == 0 }
    }
  }

  /// Many times over: answers, the end of the stream, and the reset that the answers cause, come in any order.
  @Test(arguments: 1...20) func `a client that goes away with calls in flight leaves nothing behind`(
    round: Int
  ) async throws {
    let dispatcher = FakeDispatcher.standard()
    try await withServer(dispatcher) { server, port in
      do {
        let socket = try RawSocket.native(port: port)
        try socket.write(joined((1...100).map { try call($0, .logServiceFetch) }))
        while dispatcher.taken.count < 100 { await Task.yield() }
      }
      for taken in dispatcher.taken {
        taken.connection.respond(.message(ByteBuffer(repeating: 1, count: 100_000)), to: taken.call.id)
      }
      while server.connectionCount > 0 { await Task.yield() }
      #expect(dispatcher.closed == 1)
      #expect(server.budget.usedBytes == 0)
    }
  }

  @Test func `a reader that never reads holds bounded memory, and nobody else notices`() async throws {
    let limit = 4 << 20
    let answer = ByteBuffer(repeating: 1, count: 1 << 20)
    let dispatcher = FakeDispatcher { $0.method == .logServiceFetch ? .message(answer) : .message($0.message) }
    let limits = ConnectionLimits(frame: FrameLimits(maxFrameBytes: 2 << 20), maxBytesInFlight: limit)
    try await withServer(dispatcher, connection: limits) { server, port in
      let slow = try RawSocket.native(port: port, receiveBufferBytes: 16 << 10)
      try slow.write(joined((1...500).map { try call($0, .logServiceFetch) }))
      let good = try RawSocket.native(port: port)
      var most = 0
      for id in 1...2000 as ClosedRange<UInt64> {
        try good.write(call(id, .adminServicePing, "ping"))
        #expect(try good.nextAnswer().id == id)
        most = max(most, server.budget.usedBytes)
      }
      let bound = limit + (1 << 20) + (64 << 10)
      print("500 answers of 1 MiB that nobody reads: \(most) bytes held at most; the bound is \(bound)")
      #expect(most > 0)
      #expect(most <= bound)
      // What was held back is sent once it is read.
      for id in 1...500 as ClosedRange<UInt64> {
        let next = try slow.nextAnswer()
        #expect(next.id == id && next.byteCount == 1 << 20)
      }
    }
  }

  @Test func `file regions leave between bytes, and their owner lives until they are sent`() async throws {
    final class Owner: Sendable {
      let handle: NIOFileHandle
      init(_ handle: NIOFileHandle) { self.handle = handle }
      deinit { try? handle.close() }
    }
    let count = 3 << 20
    try await withServer(
      FakeDispatcher { _ in
        var path = Array("/tmp/tailrace-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        unlink(&path)
        guard descriptor >= 0, ftruncate(descriptor, count) == 0 else { return .failure(RPCError(.unknown, "no file")) }
        pwrite(descriptor, "begin", 5, 0)
        pwrite(descriptor, "end", 3, count - 3)
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        let region = FileRegion(fileHandle: handle, readerIndex: 0, endIndex: count)
        return .chunks([
          .bytes(ByteBuffer(string: "<")), .file(FileChunk(region: region, owner: Owner(handle))),
          .bytes(ByteBuffer(string: ">")),
        ])
      }
    ) { _, port in
      let socket = try RawSocket.native(port: port)
      try socket.write(joined((1...5).map { try call($0) }))
      for id in 1...5 as ClosedRange<UInt64> {
        let answer = try socket.nextAnswer()
        #expect(answer.id == id && answer.byteCount == count + 2)
        #expect(answer.text.hasPrefix("<begin\0") && answer.text.hasSuffix("\0end>"))
      }
    }
  }

  @Test func `shutdown lets calls in flight finish, calls the hook, and cuts off what takes longer`() async throws {
    let dispatcher = FakeDispatcher.standard()
    let server = try await Server.bind(
      ServerConfiguration(port: 0, eventLoopCount: 1), dispatcher: dispatcher,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      onDrain: {
        for taken in dispatcher.taken where taken.call.deadline == .distantFuture {
          taken.connection.respond(.message(ByteBuffer(string: "drained")), to: taken.call.id)
        }
      })
    let port = server.boundAddress.port ?? 0
    let polite = try RawSocket.native(port: port)
    let stuck = try RawSocket.native(port: port)
    try polite.write(call(1, .logServiceFetch))
    try stuck.write(call(2, .logServiceFetch, timeoutMs: 600_000))
    while dispatcher.taken.count < 2 { await Task.yield() }
    async let running: Void = server.run()
    await server.shutdown(grace: .milliseconds(200))
    try await running
    let last = try answers(polite.readToEnd())
    #expect(last.map(\.id) == [1, 0])
    #expect(last.first?.text == "drained" && last.first?.reconnectAdvised == true)
    #expect(try stuck.readToEnd().readableBytes == 0)
    #expect(dispatcher.closed == 2)
    #expect(throws: (any Error).self) { try RawSocket(port: port) }
  }

  @Test func `a server that is stopped without a word on grace takes the configured one`() async throws {
    let dispatcher = FakeDispatcher.standard()
    let process = ProcessLimits(drainTimeout: .milliseconds(50))
    let server = try await Server.bind(
      ServerConfiguration(port: 0, eventLoopCount: 1, process: process), dispatcher: dispatcher,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    let stuck = try RawSocket.native(port: server.boundAddress.port ?? 0)
    try stuck.write(call(1, .logServiceFetch))
    while dispatcher.taken.isEmpty { await Task.yield() }
    let start = ContinuousClock.now
    await server.shutdown()
    #expect(start.duration(to: .now) < .seconds(20))
    #expect(try stuck.readToEnd().readableBytes == 0)
  }

  @Test func `a configuration that makes no sense is not listened with`() async throws {
    let error = await #expect(throws: ServerError.self) {
      try await Server.bind(
        ServerConfiguration(port: 0, process: ProcessLimits(maxConnections: 0)),
        dispatcher: FakeDispatcher.standard(),
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }
    #expect(error?.message == "the limit of connections is 0: it must be from 1 to 1000000")
  }

  @Test func `a port in use is an error that says so`() async throws {
    try await withServer { _, port in
      let error = await #expect(throws: ServerError.self) {
        try await Server.bind(
          ServerConfiguration(port: port, eventLoopCount: 1), dispatcher: FakeDispatcher.standard(),
          logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
      }
      #expect(error?.message.hasPrefix("cannot listen on 127.0.0.1:\(port): ") == true)
      #expect(error?.message.lowercased().contains("in use") == true)
    }
  }

  @Test func `the file descriptor limit can be raised`() {
    let limit = FileDescriptorLimit.raise()
    #expect((limit ?? 0) >= 256)
    #expect(FileDescriptorLimit.raise() == limit)
  }
}
