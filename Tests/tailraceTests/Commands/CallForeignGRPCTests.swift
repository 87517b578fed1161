import Foundation
import NIOCore
import NIOHPACK
import NIOHTTP2
import TailraceWire
import Testing

@testable import tailrace

/// `call --grpc` against servers that are no broker of ours, well or not.
@Suite struct CallForeignGRPCTests {
  private typealias Step = FakeGRPCServer.Step

  private static func ping(_ address: String) -> [String] {
    ["call", "--grpc", "AdminService/Ping", #"{"payload":"YWJj"}"#, "--server", address]
  }

  private static let pong: [UInt8] = [0x0A, 1, 0x61]

  @Test func `a call is what gRPC over HTTP2 asks for, with its metadata and deadline`() async throws {
    let server = try await FakeGRPCServer { _ in [.head(), .message(Self.pong), .end()] }
    let outcome = try runTool(
      Self.ping(server.address) + ["-H", "trace=1 2", "-H", "b-bin=AP8=", "--timeout", "5", "--compress"])
    #expect(outcome.text == #"{"payload":"YQ=="}"# + "\n", "\(outcome.errors)")
    let request = try #require(server.requests.first)
    for (name, value) in [
      (":method", "POST"), (":scheme", "http"), (":path", "/tailrace.v1.AdminService/Ping"),
      (":authority", server.address), ("content-type", "application/grpc+proto"), ("te", "trailers"),
      ("grpc-timeout", "5000m"), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,gzip"),
      ("trace", "1 2"), ("b-bin", "AP8="),
    ] { #expect(request.headers[name] == [value], "\(name)") }
    var body = request.body
    #expect(body.readInteger(as: UInt8.self) == 1)
    #expect(body.readInteger(as: UInt32.self) == UInt32(body.readableBytes))
    #expect(try Compression.gzip.decompress(body, maxBytes: 100) == ByteBuffer(bytes: [0x0A, 3, 0x61, 0x62, 0x63]))
    try await server.stop()
  }

  @Test func `verbose tells times, sizes, metadata, trailers and details`() async throws {
    // A google.rpc.Status with a detail of our own and one of somebody else's.
    let details = Base64.encoded(
      ByteBuffer(bytes: [0x08, 5, 0x1A, 18 + 4] + [0x0A, 18] + Array("x/tailrace.v1.Ping".utf8) + [0x12, 0]),
      isPadded: false)
    let server = try await FakeGRPCServer { _ in
      [
        .head(["region": "north"]), .message(Self.pong),
        .end([
          "grpc-status": "5", "grpc-message": "no %C3%B6 100%", "cost": "3", "grpc-status-details-bin": details,
        ]),
      ]
    }
    let outcome = try runTool(Self.ping(server.address) + ["-v", "-H", "trace=1"])
    #expect(outcome.status == 13)
    let lines = outcome.errorLines
    #expect(lines.count == 8, "\(outcome.errors)")
    #expect(lines[0].hasPrefix("* connected to \(server.address) in "))
    #expect(lines[1] == "> tailrace.v1.AdminService/Ping, 5 bytes, 60.00 s at most")
    #expect(lines[2] == "> trace: 1")
    #expect(lines[3].hasPrefix("< NOT_FOUND, in "))
    #expect(
      lines[4...7] == [
        "< region: north", "< (trailer) cost: 3", "< (detail) tailrace.v1.Ping, 0 bytes: ",
        "tailrace: no ö 100% (NOT_FOUND)",
      ])
    try await server.stop()
  }

  @Test func `Ctrl-C resets the stream, and so does a deadline`() async throws {
    let server = try await FakeGRPCServer { _ in [.head(), .message([])] }
    var resets = server.resets.makeAsyncIterator()
    let stream = ["call", "--grpc", "LogService/Subscribe", "--server", server.address]
    let call = try LiveProcess(stream)
    _ = try call.readLine()
    call.send(SIGINT)
    #expect(await resets.next() == .cancel)
    #expect(try call.wait().status == 130)
    let late = try runTool(stream + ["--timeout", "0.1"])
    #expect(late.status == 12)
    #expect(late.errors.contains("given up after 0.1 seconds (DEADLINE_EXCEEDED)"), "\(late.errors)")
    #expect(await resets.next() == .cancel)
    try await server.stop()
  }

  /// An answer, the exit code, and words of the one line about it.
  struct Ending: Sendable, CustomTestStringConvertible {
    let steps: [FakeGRPCServer.Step]
    let status: Int32
    let words: String
    var testDescription: String { words }
  }

  @Test(arguments: [
    Ending(
      steps: [.headers([":status": "200", "content-type": "application/grpc", "grpc-status": "12"], end: true)],
      status: 20, words: "the server gives no reason (UNIMPLEMENTED)"),
    Ending(steps: [.head(), .end(["grpc-status": "99"])], status: 10, words: "(UNKNOWN)"),
    Ending(steps: [.head(), .end(["grpc-status": "x"])], status: 10, words: "which is no number"),
    Ending(steps: [.headers([":status": "404"], end: true)], status: 20, words: "HTTP status 404"),
    Ending(
      steps: [.headers([":status": "503", "content-type": "text/html"]), .data(ByteBuffer(string: "<p>"), end: true)],
      status: 22, words: "HTTP status 503"),
    Ending(
      steps: [.headers([":status": "200", "content-type": "text/html"]), .data(ByteBuffer(string: "<p>"), end: true)],
      status: 10, words: "content-type 'text/html'"),
    Ending(steps: [.head(), .message(pong), .end([:])], status: 21, words: "without a grpc-status"),
    Ending(
      steps: [.head(), .data(ByteBuffer(bytes: [0, 0, 0, 0, 0]), end: true)], status: 21, words: "without a grpc-status"
    ),
    Ending(steps: [.head(), .end()], status: 21, words: "gives no answer"),
    Ending(steps: [.head(), .message(pong), .message(pong), .end()], status: 21, words: "gives more"),
    Ending(steps: [.head(), .message(pong, length: 4), .end()], status: 21, words: "ends within a message"),
    Ending(steps: [.head(), .message([], length: .max)], status: 16, words: "a message of 4294967295 bytes"),
    Ending(steps: [.head(), .message(pong, flag: 2)], status: 21, words: "the first byte of a message is 2"),
    Ending(steps: [.head(), .message(pong, flag: 1)], status: 21, words: "no grpc-encoding says how"),
    Ending(
      steps: [.head(["grpc-encoding": "gzip"]), .message(pong, flag: 1)], status: 21, words: "cannot be decompressed"),
    Ending(steps: [.head(["grpc-encoding": "snappy"])], status: 21, words: "compressed with 'snappy'"),
    Ending(steps: [.head(), .message([0xFF]), .end()], status: 21, words: "the server's answer"),
    Ending(steps: [.head(), .reset(.enhanceYourCalm)], status: 16, words: "ENHANCE_YOUR_CALM"),
    Ending(steps: [.reset(.refusedStream)], status: 22, words: "REFUSED_STREAM"),
    Ending(
      steps: [.goAway(.enhanceYourCalm, "too_many\u{1B}pings"), .close], status: 22,
      words: "ENHANCE_YOUR_CALM, too_many"),
    Ending(steps: [.head(), .close], status: 22, words: "was lost"),
    Ending(
      steps: [.head(HPACKHeaders((0..<40).map { _ in ("x", String(repeating: "y", count: 1_000)) }))], status: 22,
      words: "breaks the rules of HTTP/2"),
    Ending(steps: [.head(), .end(["grpc-status": "5", "grpc-message": "a%0Ab%1Bc"])], status: 13, words: "a"),
  ])
  func `an answer that is none is one line and an exit code`(_ ending: Ending) async throws {
    let server = try await FakeGRPCServer { _ in ending.steps }
    let outcome = try runTool(Self.ping(server.address) + ["--timeout", "20"])
    #expect(outcome.status == ending.status, "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains(ending.words), "\(outcome.errors)")
    #expect(!outcome.errors.contains("\u{1B}"))
    try await server.stop()
  }

  @Test(arguments: [
    ("HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP/1, not HTTP/2"),
    ("\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{28}", "speaks TLS"),
    ("220 mail.example ESMTP\r\n", "speaks another protocol"), ("", "before it spoke HTTP/2"),
    ("\0\0", "before it spoke HTTP/2"),
  ])
  func `a server that does not speak HTTP2 is told of in one line`(_ bytes: String, _ words: String) async throws {
    let server = try await FakeServer(saying: Array(bytes.utf8))
    let outcome = try runTool(Self.ping(server.address))
    #expect(outcome.status == 22)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("\(server.address)"))
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
    try await server.stop()
  }
}
