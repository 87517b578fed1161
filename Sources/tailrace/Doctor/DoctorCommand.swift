import ArgumentParser
import Foundation
import NIOCore
import TailraceClient
import TailraceWire

/// `tailrace doctor`: whether a broker can be used, and what to do where it cannot.
struct DoctorCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check whether the broker can be reached and is well.",
    discussion: """
      A line for each check: where the broker is looked for, whether it can be reached, its release, how long a call \
      takes, its clock beside this machine's, its room on disk, its limits, and damage to topics. What is not well has a \
      hint. Exits with 0 unless a check fails, and as the first failure says; warnings are no failures.

      With --output json there is an object per line: check, state (ok, warning, failure), detail, hint.

      \(ExitStatus.help)
      """)

  @OptionGroup var output: OutputOptions

  @OptionGroup var client: ClientOptions

  /// For the connection, and for each call.
  private static let timeoutSeconds: Int64 = 5
  private static let callOptions = CallOptions(timeout: .seconds(timeoutSeconds))

  func execute() async throws {
    var report = DoctorReport(format: output.format)
    let choice: ServerChoice
    do {
      choice = try client.choice(environment: ProcessInfo.processInfo.environment)
    } catch let error as CommandFailure {
      let isUnknown = error.exitCode == ExitStatus.code(of: .notFound)
      let hint = isUnknown ? "see 'tailrace context list', or give --server" : "give --server, which needs no contexts"
      try report.tell(.failure("server", error.message, hint: hint, .invalidArgument))
      throw CommandFailure("", exitCode: error.exitCode)
    }
    let context = choice.context.map { " (context '\($0)')" } ?? ""
    try report.tell(.ok("server", "\(choice.address)\(context), from \(choice.source.words)"))
    guard let connection = try await connect(&report) else { return try report.check() }
    do {
      try await examine(connection, &report)
    } catch let error as RPCError {
      try report.tell(
        .failure("calls", error.line, hint: "look at the broker's log; it was there a moment ago", error.code))
    }
    try report.check()
  }

  /// Nil where there is nobody.
  private func connect(_ report: inout DoctorReport) async throws -> Connection? {
    let start = ContinuousClock.now
    do {
      let connection = try await client.connect(
        configuration: ConnectionConfiguration(connectTimeout: .seconds(Self.timeoutSeconds)))
      try report.tell(.ok("connection", "made in \(Quantity.latency(ContinuousClock.now - start))"))
      return connection
    } catch let error as RPCError {
      try report.tell(.failure("connection", error.message, hint: DoctorChecks.hint(ofConnection: error), error.code))
      return nil
    }
  }

  private func examine(_ connection: Connection, _ report: inout DoctorReport) async throws {
    let admin = AdminServiceClient(caller: connection)
    let before = Clock.nowMs()
    let cluster = try await admin.describeCluster(DescribeClusterRequest(), options: Self.callOptions)
    let after = Clock.nowMs()
    try report.tell(DoctorChecks.version(ofBroker: cluster.serverVersion, ofTool: Version.current))
    var roundTrips: [Duration] = []
    for _ in 0..<5 {
      let start = ContinuousClock.now
      _ = try await admin.ping(PingRequest(), options: Self.callOptions)
      roundTrips.append(ContinuousClock.now - start)
    }
    try report.tell(DoctorChecks.latency(roundTrips))
    try report.tell(DoctorChecks.clock(brokerMs: cluster.nowMs, before: before, after: after))
    try report.tell(DoctorChecks.disk(cluster.disk))
    try report.tell(DoctorChecks.limits(cluster.limits))
    try report.tell(try await topics(admin))
  }

  private func topics(_ admin: AdminServiceClient<Connection>) async throws -> DoctorFinding {
    let topics = try await admin.allTopics()
    var faults: [String] = []
    for topic in topics {
      let description = try await admin.describeTopic(DescribeTopicRequest(name: topic.name), options: Self.callOptions)
      for partition in description.partitions where !partition.fault.isEmpty {
        faults.append("partition \(partition.partition) of '\(topic.name)': \(partition.fault)")
      }
    }
    return DoctorChecks.topics(count: topics.count, faults: faults)
  }
}

/// Prints findings as they come, and remembers the first failure.
struct DoctorReport {
  let format: OutputFormat
  private var exitCode: Int32 = 0

  init(format: OutputFormat) { self.format = format }

  mutating func tell(_ finding: DoctorFinding) throws(CommandFailure) {
    if exitCode == 0 { exitCode = finding.exitCode }
    try StandardOutput.print(lines: finding.lines(format))
  }

  /// Throws where a check has failed.
  func check() throws(CommandFailure) {
    guard exitCode == 0 else { throw CommandFailure("", exitCode: exitCode) }
  }
}
