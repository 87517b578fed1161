import ArgumentParser
import Foundation
import TailraceClient
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What `consume` takes to read as a member of a group.
struct GroupConsumeOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Share the topics' partitions with the other members of this group.", valueName: "name"),
    completion: .groups)
  var group: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "In place of topics: all whose names this regular expression matches as a whole. With --group also those that are"
        + " made later, without only those that are there when it begins.",
      valueName: "regex"))
  var topicPattern: String?

  @Option(help: "How the group shares partitions out; its first member decides. (default: sticky)")
  var assignor: AssignorArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A name that stays the same over restarts; who comes back under it within the session's time-out"
        + " has its partitions back at once.", valueName: "name"))
  var instanceID: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "For people, as 'tailrace group describe' shows it. (default: consume-PID)", valueName: "name"))
  var clientID: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Who is not heard of for so long is out, 1 to 1800. (default: 45)", valueName: "seconds"))
  var sessionTimeout: Seconds?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How long letting a partition go may take, 1 to 3600. (default: 60)", valueName: "seconds"))
  var rebalanceTimeout: Seconds?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How often offsets are committed, 0.01 to 3600. (default: 1)", valueName: "seconds"))
  var commitInterval: Seconds?

  func validate() throws {
    try Self.check(sessionTimeout, "--session-timeout", 1_000...1_800_000)
    try Self.check(rebalanceTimeout, "--rebalance-timeout", 1_000...3_600_000)
    try Self.check(commitInterval, "--commit-interval", 10...3_600_000)
    if group == nil, let flag = firstGiven { throw ValidationError("\(flag) goes with --group") }
    if let group, group.isEmpty { throw ValidationError("--group is empty") }
  }

  /// The first option that makes sense in a group only.
  private var firstGiven: String? {
    let given: [(String, Bool)] = [
      ("--assignor", assignor != nil), ("--instance-id", instanceID != nil),
      ("--client-id", clientID != nil), ("--session-timeout", sessionTimeout != nil),
      ("--rebalance-timeout", rebalanceTimeout != nil), ("--commit-interval", commitInterval != nil),
    ]
    return given.first { $0.1 }?.0
  }

  private static func check(_ value: Seconds?, _ name: String, _ bounds: ClosedRange<Int64>) throws {
    guard let value, !bounds.contains(value.ms) else { return }
    let (low, high) = (Double(bounds.lowerBound) / 1_000, bounds.upperBound / 1_000)
    throw ValidationError("\(name) is \(low.formatted) to \(high) seconds")
  }

  /// How to be a member of `group`, which begins at `from` where it was never before.
  func configuration(group: String, topics: [String], from: StartPosition) -> ConsumerConfiguration {
    let subscription: ConsumerConfiguration.Subscription =
      topicPattern.map { .groupPattern(group, pattern: $0) } ?? .group(group, topics: topics)
    var configuration = ConsumerConfiguration(subscription)
    configuration.startPosition = from.ofClient
    configuration.commit = .automatic(every: .milliseconds(commitInterval?.ms ?? 1_000))
    configuration.instanceID = instanceID
    if let sessionTimeout { configuration.sessionTimeout = .milliseconds(sessionTimeout.ms) }
    if let rebalanceTimeout { configuration.rebalanceTimeout = .milliseconds(rebalanceTimeout.ms) }
    if let assignor { configuration.assignor = assignor.ofClient }
    // What is at work is done with before a partition goes: not more than a reader takes soon.
    configuration.maxBatchRecords = 100
    return configuration
  }

  /// How to reach the broker.
  func clientConfiguration(_ client: ClientOptions) throws -> ClientConfiguration {
    let address = try client.choice(environment: ProcessInfo.processInfo.environment).address
    var configuration = ClientConfiguration(server: "\(address)", logger: NoticeLog.logger())
    configuration.clientID = clientID ?? "consume-\(getpid())"
    // A broker that is back keeps a member's place for a session's time-out.
    if let sessionTimeout {
      configuration.maxBackoff = min(configuration.maxBackoff, .milliseconds(sessionTimeout.ms / 3))
    }
    return configuration
  }
}

extension AssignorArgument {
  /// The same, as the SDK has it.
  fileprivate var ofClient: ConsumerConfiguration.Assignor {
    switch self {
    case .sticky: .sticky
    case .range: .range
    case .roundRobin: .roundRobin
    }
  }
}

extension Double {
  /// "1", "0.01".
  fileprivate var formatted: String { self == rounded() ? "\(Int64(self))" : "\(self)" }
}
