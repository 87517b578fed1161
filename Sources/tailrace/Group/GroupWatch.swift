import TailraceClient
import TailraceWire

/// Shows a group again and again, over a new connection where the last one was lost.
struct GroupWatch {
  private let group: String
  private let format: OutputFormat
  private let intervalMs: Int32
  private let connect: @Sendable () async throws -> Connection
  private let interruption: Interruption
  private let isOnScreen: Bool
  private var view: SnapshotView
  /// Nil: none that is known to work.
  private var connection: Connection?
  /// As it was shown last.
  private var lines: [String] = []
  private var isAway = false

  init(
    group: String, format: OutputFormat, intervalMs: Int32, connect: @escaping @Sendable () async throws -> Connection,
    interruption: Interruption
  ) {
    self.group = group
    self.format = format
    self.intervalMs = intervalMs
    self.connect = connect
    self.interruption = interruption
    isOnScreen = Descriptor.standardOutput.isTerminal && format == .text
    view = SnapshotView(isOnScreen ? .screen : format == .text ? .paragraphs : .lines)
  }

  /// Returns when interrupted. What fails at the very first is a mistake rather than a trouble that passes: thrown, as what
  /// the output does not take and that the group is not there any more.
  mutating func run() async throws {
    do {
      while !interruption.isRequested {
        try await look()
        Descriptor.wait(for: [Interest(interruption.descriptor, .reading)], timeoutMs: intervalMs)
      }
    } catch {
      try? view.end()
      if !interruption.isRequested { throw error }
    }
    try view.end()
  }

  private mutating func look() async throws {
    do {
      let service = GroupServiceClient(caller: try await connected())
      lines = try await GroupDescribe.snapshot(group, service).lines(format)
    } catch let error as RPCError where !lines.isEmpty && Self.passes(error) && !interruption.isRequested {
      await connection?.close()
      connection = nil
      return try noteOutage(error)
    }
    if isAway, !isOnScreen { StandardError.write("tailrace: connected again\n") }
    isAway = false
    try view.show(lines)
  }

  private mutating func connected() async throws -> Connection {
    if let connection { return connection }
    let connection = try await connect()
    // Ends a call under way, too.
    interruption.onRequest { Task { await connection.close() } }
    self.connection = connection
    return connection
  }

  /// Says once that the broker is away; on a screen above what was seen last.
  private mutating func noteOutage(_ error: RPCError) throws {
    guard !isAway else { return }
    isAway = true
    let text = "tailrace: \("\(error.line); trying again".withoutControls)"
    if isOnScreen { try view.show([text, ""] + lines) } else { StandardError.write(text + "\n") }
  }

  private static func passes(_ error: RPCError) -> Bool { [.unavailable, .deadlineExceeded].contains(error.code) }
}
