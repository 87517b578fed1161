import ArgumentParser
import TailraceClient
import TailraceWire

/// `tailrace bench latency`: an open loop of produces, timed from when each was due.
struct BenchLatency: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latency", abstract: "Single records at a fixed rate, timed from when each was due.",
    discussion: """
      Each record is a request of its own. They are due at a fixed rate and go to the connections in turn, whatever \
      became of those before; a latency lasts from then until the acknowledgement, so a stall counts against every \
      record that it held up.
      """)

  @OptionGroup var options: BenchOptions
  @OptionGroup var pace: BenchRate

  @Option(help: "Connections.")
  var connections: Int = 1

  @Option(help: "Records in flight on each connection, at most; what is due beyond that waits.")
  var depth: Int = 64

  @Option(help: "Bytes of a record's value.")
  var recordSize: Int = 1_024

  @Option(help: "written or durable.")
  var acks: BenchAcks = .written

  func validate() throws {
    guard (1...1_000).contains(connections), (1...1_000).contains(depth), (0...65_536).contains(recordSize) else {
      throw ValidationError("--connections and --depth are 1 to 1000, --record-size is up to 65536")
    }
    try pace.validate(options, recordSize: recordSize)
  }

  func run() async throws {
    let batch = try BenchBatches.make(recordSize: recordSize, count: 1, batchSize: 0)
    var frames = LoadFrames(depth: depth)
    for _ in 0..<depth { try frames.append(.logServiceProduce, BenchTopic.produceRequest(batch, acks: acks.wire)) }
    for _ in 0..<options.rounds {
      try await options.withBroker { broker in
        try await BenchTopic.create(on: broker, durability: acks.durability)
        let result = try Load(
          target: broker, connections: connections, frames: frames, warmUpSeconds: options.warmUp,
          seconds: options.seconds, rate: pace.rate
        ).run()
        try await BenchTopic.check(on: broker, holds: result.calls)
        options.output.print(
          BenchLine(
            name: "latency",
            settings: [
              ("rate", pace.text), ("connections", "\(connections)"), ("depth", "\(depth)"), ("acks", acks.rawValue),
              ("record_size", "\(recordSize)"),
            ], result: result, recordsPerCall: 1, bytesPerCall: recordSize, serverResidentBytes: broker.residentBytes))
      }
    }
  }
}
