import Foundation
import NIOCore
import NIOPosix
import TailraceClient
import TailraceTestSupport
import TailraceWire
import Testing

/// `tailrace serve` as its operator sees it: how it starts, stops, and what it says where it cannot.
@Suite(.timeLimit(.minutes(15)))
struct ServeCommandTests {
  @Test("SIGTERM lets a waiting call end, marks a clean stop and exits with 0")
  func stopsGracefully() async throws {
    let server = try ServingProcess()
    let connection = try await server.connect()
    try await server.createTopic("t", on: connection)
    let fetch = FetchRequest(targets: [FetchTarget(topic: "t", partition: 0, offset: 0)], maxWaitMs: 60_000)
    let message = try fetch.encoded()
    let (answers, continuation) = AsyncStream.makeStream(of: Result<ByteBuffer, RPCError>.self)
    connection.send(.logServiceFetch, message) { continuation.yield($0) }
    // Answered behind the fetch, so that one is taken by then.
    _ = try await AdminServiceClient(caller: connection).ping(PingRequest())
    server.process.send(SIGTERM)
    let answer = await answers.first { _ in true }
    let response = try FetchResponse(decoding: try #require(answer).get())
    #expect(response.partitions.map(\.highWatermark) == [0])
    #expect(try server.process.wait().status == 0)
    #expect(FileManager.default.fileExists(atPath: server.dataDirectory + "/clean-shutdown"))
  }

  @Test("SIGTERM while it starts, at whatever moment, marks a clean stop, too, and it exits with 0")
  func stopsWhileItStarts() async throws {
    var random = SeededGenerator(for: "stopsWhileItStarts")
    for _ in 0..<16 {
      let directory = try TemporaryDirectory()
      let data = directory.path + "/data"
      let process = try LiveProcess(["serve", "--data-dir", data, "--listen", "127.0.0.1:0"])
      defer { process.kill() }
      // The first thing that it makes. From then on there is something to leave in order.
      while !FileManager.default.fileExists(atPath: data) { sched_yield() }
      for _ in 0..<random.below(20_000) { sched_yield() }
      process.send(SIGTERM)
      let outcome = try process.wait()
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(FileManager.default.fileExists(atPath: data + "/clean-shutdown"))
      _ = try await ServingProcess(directory).connect()
    }
  }

  @Test("What was acknowledged as durable is there after SIGKILL and a restart")
  func survivesKill() async throws {
    let directory = try TemporaryDirectory()
    let count = 500
    do {
      let server = try ServingProcess(directory)
      let connection = try await server.connect()
      try await server.createTopic("t", on: connection)
      let records = (0..<count).map { ProduceRecord(value: ByteBuffer(string: "\($0)")) }
      let response = try await LogServiceClient(caller: connection).produce(
        ProduceRequest(acks: .durable, targets: [ProduceTarget(topic: "t", partition: 0, records: records)]))
      #expect(response.results.first?.records.map(\.offset) == (0..<Int64(count)).map { $0 })
      server.process.kill()
    }
    let server = try ServingProcess(directory)
    let response = try await LogServiceClient(caller: try await server.connect()).fetch(
      FetchRequest(targets: [FetchTarget(topic: "t", partition: 0, offset: 0)], decode: true))
    let values = response.partitions.first?.records.map { $0.value.map { String(buffer: $0) } }
    #expect(values == (0..<count).map { "\($0)" })
    #expect(response.partitions.first?.partitionEpoch == 1)
  }

  @Test("A second broker on the same directory is refused in one line that says why")
  func refusesSecondBroker() throws {
    let server = try ServingProcess()
    let second = try runTool(["serve", "--data-dir", server.dataDirectory, "--listen", "127.0.0.1:0"])
    #expect(second.status == 17)
    #expect(second.errorLines.last?.hasPrefix("tailrace: ") == true)
    #expect(second.errorLines.last?.contains("in use") == true)
  }

  @Test("A port that is taken is refused in one line that says what to do")
  func refusesTakenPort() throws {
    let server = try ServingProcess()
    let directory = try TemporaryDirectory()
    let second = try runTool(["serve", "--data-dir", directory.path + "/data", "--listen", server.address])
    #expect(second.status == 22)
    #expect(second.errorLines.last?.contains("--listen") == true)
    // Nothing was written: the next start has nothing to recover.
    #expect(FileManager.default.fileExists(atPath: directory.path + "/data/clean-shutdown"))
  }

  @Test("A data directory of a later format is refused and left as it was")
  func refusesLaterFormat() throws {
    let directory = try TemporaryDirectory()
    let text = #"{"format_version":2,"cluster_id":"00112233445566778899aabbccddeeff"}"#
    let path = try directory.file("format.json", text.utf8)
    let outcome = try runTool(["serve", "--data-dir", directory.path, "--listen", "127.0.0.1:0"])
    #expect(outcome.status == 17)
    #expect(outcome.errorLines.last?.contains("format") == true)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
  }

  @Test("Started without standard streams, the broker does not take its own files for them")
  func survivesClosedStreams() throws {
    let directory = try TemporaryDirectory()
    let process = try LiveProcess(
      [
        "-c", #"exec "$0" serve --data-dir "$1" --listen 127.0.0.1:0 <&- >&- 2>&-"#, Binary.url.path,
        directory.path + "/data",
      ], executable: URL(fileURLWithPath: "/bin/sh"))
    defer { process.kill() }
    while !FileManager.default.fileExists(atPath: directory.path + "/data/format.json") { sched_yield() }
    for number in 0...2 {
      let path = "/proc/\(process.id)/fd/\(number)"
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "/dev/null")
    }
  }

  @Test("Limits that are set are the broker's, and it tells its clients")
  func limitsAreSet() async throws {
    let server = try ServingProcess(flags: [
      "--max-frame-mib", "1", "--max-header-kib", "2", "--max-calls-in-flight", "3", "--max-mib-in-flight", "4",
      "--idle-seconds", "500", "--max-connections", "6",
    ])
    let connection = try await server.connect()
    let cluster = try await AdminServiceClient(caller: connection).describeCluster(DescribeClusterRequest())
    let limits = try #require(cluster.limits)
    #expect(limits.maxFrameBytes == 1 << 20)
    #expect(limits.maxHeaderBytes == 2 << 10)
    #expect(limits.maxCallsInFlight == 3)
    #expect(limits.maxBytesInFlight == 4 << 20)
    #expect(limits.idleTimeoutMs == 500_000)
    #expect(limits.maxConnections == 6)
    #expect(limits.maxBatchBytes == (1 << 20) - (64 << 10))
    try await server.createTopic("t", on: connection)
    // Requests are bounded by it, not what comes back.
    let half = ProduceRecord(value: ByteBuffer(repeating: 0, count: 1 << 19))
    for _ in 0..<4 {
      _ = try await LogServiceClient(caller: connection).produce(
        ProduceRequest(targets: [ProduceTarget(topic: "t", partition: 0, records: [half])]))
    }
    let fetched = try await LogServiceClient(caller: connection).fetch(
      FetchRequest(targets: [FetchTarget(topic: "t", partition: 0)], decode: true))
    #expect(fetched.partitions.first?.records.count == 4)
    let record = ProduceRecord(value: ByteBuffer(repeating: 0, count: 1 << 20))
    let failure = await #expect(throws: RPCError.self) {
      _ = try await LogServiceClient(caller: connection).produce(
        ProduceRequest(targets: [ProduceTarget(topic: "t", partition: 0, records: [record])]))
    }
    #expect(failure?.code == .resourceExhausted)
  }

  @Test("Connections are given no more than three eighths of the files that the process may open")
  func leavesFilesForTopics() async throws {
    let server = try ServingProcess(openFiles: 100)
    let cluster = try await AdminServiceClient(caller: try await server.connect()).describeCluster(
      DescribeClusterRequest())
    #expect(cluster.limits?.maxConnections == 36)
  }

  @Test(
    "Flags that make no sense are usage errors",
    arguments: [
      ["--listen", "nowhere"], ["--listen", "127.0.0.1:99999"], ["--event-loops", "-1"], ["--log-level", "loud"],
      ["--memory-budget-mib", "1"], ["--max-frame-mib", "17"], ["--idle-seconds", "0"], ["--no-such-flag"],
      ["--max-frame-mib", "8", "--max-mib-in-flight", "4"], ["--memory-budget-mib", "31"],
    ])
  func refusesFlags(_ flags: [String]) throws {
    #expect(try runTool(["serve"] + flags).status == 64)
  }
}

/// A broker in a process of its own that tests stop in the way they are about.
private struct ServingProcess {
  let process: LiveProcess
  let address: String
  let dataDirectory: String
  private let directory: TemporaryDirectory

  init(_ directory: TemporaryDirectory? = nil, flags: [String] = [], openFiles: Int? = nil) throws {
    self.directory = try directory ?? TemporaryDirectory()
    dataDirectory = self.directory.path + "/data"
    let arguments = ["serve", "--data-dir", dataDirectory, "--listen", "127.0.0.1:0", "--log-level", "error"] + flags
    if let openFiles {
      process = try LiveProcess(
        ["-c", "ulimit -n \(openFiles); exec \"$0\" \"$@\"", Binary.url.path] + arguments,
        executable: URL(fileURLWithPath: "/bin/sh"))
    } else {
      process = try LiveProcess(arguments)
    }
    let line = try process.readErrorLine()
    address = String(line.dropFirst("listening on ".count))
  }

  func connect() async throws -> Connection {
    let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
    return try await Connection.connect(
      host: "127.0.0.1", port: port, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
  }

  func createTopic(_ name: String, on connection: Connection) async throws {
    _ = try await AdminServiceClient(caller: connection).createTopic(
      CreateTopicRequest(name: name, partitionCount: 1))
  }
}
