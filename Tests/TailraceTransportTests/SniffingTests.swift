import Logging
import NIOCore
import NIOEmbedded
import Synchronization
@testable import TailraceTransport
import TailraceWire
import Testing

/// Keeps what is logged.
private struct LogKeeper: LogHandler {
  final class Lines: Sendable {
    let all = Mutex<[String]>([])
  }

  let lines: Lines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let reason = event.metadata?["error"].map { "\($0)" } ?? ""
    lines.all.withLock { $0.append("\(event.level): \(event.message): \(reason)") }
  }
}

@Suite struct SniffingTests {
  private let channel = EmbeddedChannel()
  private let lines = LogKeeper.Lines()

  /// What a peer gets that begins with `bytes`, all of it.
  private func answer(to bytes: ByteBuffer) throws -> ByteBuffer {
    let logger = Logger(label: "test") { [lines] _ in LogKeeper(lines: lines) }
    let environment = ConnectionEnvironment(
      dispatcher: FakeDispatcher.standard(), budget: MemoryBudget(limitBytes: 1 << 20), logger: logger)
    let turn = LoopTurn(eventLoop: channel.eventLoop, dispatcher: environment.dispatcher)
    let sniffer = SniffingHandler(limits: .default, logger: logger) { [channel] door in
      guard door == .native else {
        return GRPCDoor.handlers(eventLoop: channel.eventLoop, environment: environment, turn: turn).all
      }
      return [NativeConnectionHandler(eventLoop: channel.eventLoop, environment: environment, turn: turn)]
    }
    try channel.pipeline.syncOperations.addHandler(sniffer)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9)).wait()
    try channel.writeInbound(bytes)
    channel.embeddedEventLoop.run()
    var all = ByteBuffer()
    while let part = try channel.readOutbound(as: ByteBuffer.self) { all.writeImmutableBuffer(part) }
    return all
  }

  private var logged: [String] { lines.all.withLock { $0 } }

  @Test func `HTTP/2 comes through the gRPC door, which begins with its settings`() throws {
    let bytes = try answer(to: ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    // A frame of type SETTINGS (4), of stream 0.
    #expect(bytes.getInteger(at: 3, as: UInt8.self) == 4)
    #expect(bytes.getInteger(at: 5, as: UInt32.self) == 0)
    #expect(channel.isActive)
    #expect(logged.allSatisfy { !$0.contains("refused") })
  }

  @Test func `TLS gets a fatal alert`() throws {
    let bytes = try answer(to: ByteBuffer(bytes: [0x16, 3, 1, 2, 0, 1, 0]))
    #expect(Array(bytes.readableBytesView) == [21, 3, 1, 0, 2, 2, 40])
    #expect(!channel.isActive)
    #expect(logged == ["debug: connection refused: TLS is not part of this release"])
  }

  @Test func `a stranger gets an error frame and a line at debug level`() throws {
    #expect(try answers(answer(to: ByteBuffer(string: "hello"))).map(\.code) == [.invalidArgument])
    #expect(logged.count == 1 && logged[0].hasPrefix("debug: connection refused: "))
  }

  @Test func `a client of another version is refused at info level`() throws {
    var preface = ByteBuffer()
    ClientPreface(majorVersion: 9).write(to: &preface)
    #expect(try answer(to: preface).readableBytes > Preface.byteCount)
    #expect(logged.count == 1 && logged[0].hasPrefix("info: connection refused: UNIMPLEMENTED: protocol version 9"))
  }
}
