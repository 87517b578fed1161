import NIOPosix
import TailraceClient
import TailraceStorage
import TailraceWire

/// All lives of a broker, and the reading afterwards.
struct FuzzKillRun {
  private static let lastBatches = 20

  let plan: FuzzKillPlan
  let starter: FuzzKillBroker.Starter
  private var inspection: FuzzKillInspection
  private var producers: [FuzzKillProducer]
  private var report = FuzzKillReport()

  init(
    plan: FuzzKillPlan, starter: FuzzKillBroker.Starter, partitions: UInt32, producers: [FuzzKillProducer]
  ) {
    self.plan = plan
    self.starter = starter
    self.producers = producers
    inspection = FuzzKillInspection(partitions: partitions)
  }

  /// Throws with the first thing that is wrong.
  mutating func run() async throws {
    for (number, life) in plan.lives.enumerated() {
      do {
        try await live(life)
      } catch {
        throw FuzzFailure("\(error)\n  in life \(number + 1) of \(plan.lives.count), \(life)")
      }
    }
    let broker = try await start()
    try await finish(port: broker.port)
    try await check(port: broker.port)
    try await broker.stop()
    try verify()
    report.print(kills: plan.lives.count, producers)
  }

  private mutating func live(_ life: FuzzKillPlan.Life) async throws {
    switch life {
    case .startUp(let milliseconds):
      if try await !starter.startAndKill(afterMs: milliseconds) { report.killsInStartUp += 1 }
    case .load(let milliseconds): try await work(on: try await start(), milliseconds)
    case .maintenance(let milliseconds):
      let broker = try await start()
      let wait = broker.startedAt + .milliseconds(FuzzKillPlan.maintenanceMs - 100) - .now
      try await Task.sleep(for: max(.zero, wait))
      try await work(on: broker, milliseconds)
    }
  }

  /// Starts the broker and looks at it.
  private mutating func start() async throws -> FuzzKillBroker {
    let broker = try starter.start()
    report.starts.append(broker.startTook)
    let connection = try await connect(broker.port)
    do {
      try await inspection.inspect(connection, producers)
    } catch {
      await connection.close()
      throw error
    }
    await connection.close()
    return broker
  }

  /// Lets all producers send, and kills the broker after `milliseconds`.
  private mutating func work(on broker: FuzzKillBroker, _ milliseconds: Int) async throws {
    let port = broker.port
    producers = try await withThrowingTaskGroup { group in
      for producer in producers {
        group.addTask {
          var producer = producer
          try await producer.workUntilLost(port: port)
          return producer
        }
      }
      try await Task.sleep(for: .milliseconds(milliseconds))
      try await broker.kill()
      return try await group.reduce(into: [FuzzKillProducer]()) { $0.append($1) }
    }.sorted { $0.number < $1.number }
  }

  /// Lets all producers send what was not acked, and a little more.
  private mutating func finish(port: UInt16) async throws {
    producers = try await withThrowingTaskGroup { group in
      for producer in producers {
        group.addTask {
          var producer = producer
          try await producer.finish(port: port, newBatches: Self.lastBatches)
          return producer
        }
      }
      return try await group.reduce(into: [FuzzKillProducer]()) { $0.append($1) }
    }.sorted { $0.number < $1.number }
  }

  private mutating func check(port: UInt16) async throws {
    let connection = try await connect(port)
    for place in producers.first?.lanes.map(\.place) ?? [] {
      var check = FuzzKillCheck(place, producers)
      try await check.run(connection)
      report.add(check.tally)
    }
    await connection.close()
  }

  /// As `tailrace log verify`.
  private mutating func verify() throws {
    let scope = try PartitionFinder.find(starter.directory)
    var findings = scope.findings
    for place in scope.partitions {
      var verifier = PartitionVerifier(place)
      while !verifier.isAtEnd { findings += verifier.advance(maxBytes: 4 << 20) }
      report.verified += verifier.summary.totals
    }
    if let error = findings.first(where: { $0.severity == .error }) { throw FuzzFailure("log verify: \(error)") }
    report.warnings = findings.count
    guard scope.partitions.count >= producers.first?.lanes.count ?? 0 else {
      throw FuzzFailure("log verify: only \(scope.partitions.count) partitions")
    }
  }

  private func connect(_ port: UInt16) async throws -> Connection {
    try await Connection.connect(
      host: "127.0.0.1", port: Int(port), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
  }
}
