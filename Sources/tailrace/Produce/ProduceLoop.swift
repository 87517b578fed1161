import NIOCore
import TailraceClient
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads records, gathers batches, keeps a window of requests in flight. Blocks its thread from the first record to the
/// last answer.
///
/// While the input keeps coming, batches are filled; when it pauses, or the pace makes it wait, and nothing is in flight,
/// what is there is sent. So a file goes in large batches, and a line typed by hand goes at once.
struct ProduceLoop {
  /// Bytes read at a time.
  private static let chunkBytes = 256 << 10
  /// A batch is sent at this size.
  private static let batchBytes = 256 << 10
  /// All open batches are sent at this size together: with many partitions, none may ever be full.
  private static let maxOpenBytes = 8 << 20
  /// Small batches share a request up to these.
  private static let requestBytes = 1 << 20
  private static let requestBatches = 500
  /// How long answers are awaited after a failure or an interruption.
  private static let drainMs: Int64 = 5_000
  /// Records that are left out are told of one by one up to these.
  private static let maxSkipsTold = 20

  struct Configuration {
    var topic: String
    var topicID: ByteBuffer
    var partitionCount: UInt32
    var maxBatchBytes: Int
    var fixedPartition: UInt32?
    var format: InputFormat
    var compression: Compression
    /// Records a second; nil: as many as there are.
    var rate: Double?
    /// Whether what is no record is left out; else it is the end.
    var skipsErrors: Bool
    var acks: Acks
  }

  private let configuration: Configuration
  private var connection: Connection
  private let reconnect: () async throws -> Connection
  private let interruption: Interruption
  private let window: ProduceWindow
  private var files: InputFiles
  private var reader: InputReader
  private var accumulator: RecordAccumulator
  private var pace: Pace?
  private var outbox: [[PendingBatch]] = []
  /// Halves of batches that were refused, the one with the first line last.
  private var halves: [PendingBatch] = []
  /// Whether nothing may be sent but halves, one at a time.
  private var isSortingOut = false
  /// Records, or lines, of the files before the one at hand.
  private var numberBefore = 0
  private var inputFailure: CommandFailure?
  private var progress: Progress
  private(set) var tally: ProduceTally

  /// `reconnect` makes another connection, for when the input paused so long that the broker closed the first.
  init(
    _ configuration: Configuration, files: InputFiles, connection: Connection,
    reconnect: @escaping () async throws -> Connection, interruption: Interruption
  ) throws(SystemError) {
    self.configuration = configuration
    self.connection = connection
    self.reconnect = reconnect
    self.interruption = interruption
    window = try ProduceWindow(
      topic: configuration.topic, topicID: configuration.topicID, acks: configuration.acks)
    self.files = files
    reader = InputReader(configuration.format, maxBatchBytes: configuration.maxBatchBytes)
    pace = configuration.rate.map { Pace(perSecond: $0) }
    // Who types records sees them; a count among them would disturb.
    progress = Progress(isShown: Descriptor.standardError.isTerminal && files.current?.isTerminal != true)
    accumulator = RecordAccumulator(
      partitionCount: configuration.partitionCount, targetBatchBytes: Self.batchBytes,
      maxBatchBytes: configuration.maxBatchBytes, fixedPartition: configuration.fixedPartition,
      firstPartition: UInt32.random(in: 0..<max(1, configuration.partitionCount)),
      compression: configuration.compression)
    tally = ProduceTally(
      topic: configuration.topic, isUnacknowledged: configuration.acks == .none,
      unit: configuration.format.framing.unit)
    if let name = files.name { tally.places.begin(name, after: 0) }
  }

  /// Runs until the input is at its end and answered, or something fails. The tally tells.
  mutating func run() async {
    while tally.failure == nil && !interruption.isRequested && !isDone { await step() }
    tally.leaveOut(accumulator.openRecords + (outbox.joined() + halves).reduce(0) { $0 + $1.recordCount })
    drain()
    if let inputFailure { tally.fail(inputFailure) }
    progress.clear()
  }

  /// Nothing more is read: the input is at its end, or `inputFailure` says why.
  private var isAtEnd: Bool { files.current == nil || inputFailure != nil }

  private var isDone: Bool { isAtEnd && outbox.isEmpty && halves.isEmpty && accumulator.isEmpty && window.isEmpty }

  private mutating func step() async {
    window.takeAnswers(into: &tally)
    progress.show(tally.acknowledged)
    sortOut(tally.takeRefusals())
    guard !isSortingOut || tally.failure != nil else {
      if window.isEmpty, let half = halves.popLast() { await send([half]) } else { wait() }
      return
    }
    while !outbox.isEmpty && !window.isFull && tally.failure == nil { await send(outbox.removeFirst()) }
    guard tally.failure == nil else { return }
    guard outbox.isEmpty else {
      wait()
      return
    }
    if isAtEnd {
      if !accumulator.isEmpty { flush() } else if !window.isEmpty { wait() }
      return
    }
    if takeRecords() {
      if !isAtEnd { readWhenReady() }
    } else if !accumulator.isEmpty && window.isEmpty && outbox.isEmpty {
      flush()
    } else if outbox.isEmpty {
      wait(untilMs: pace?.nextMs)
    }
  }

  /// Waits for answers and signals, and for the input where that is given. Returns whether that is there.
  @discardableResult
  private func wait(for input: Descriptor? = nil, untilMs: Int64? = nil) -> Bool {
    var interests = [Interest(window.descriptor, .reading), Interest(interruption.descriptor, .reading)]
    if let input { interests.append(Interest(input, .reading)) }
    let leftMs = untilMs.map { max(0, $0 - Clock.monotonicMs()) }
    let timeoutMs = [leftMs, progress.refreshMs].compactMap { $0 }.min()
    let ready = Descriptor.wait(for: interests, timeoutMs: timeoutMs.map { Int32(clamping: $0) })
    return input.map(ready.contains) ?? false
  }

  // MARK: The input

  /// Takes what was read. False where there is more, but its time has not come.
  private mutating func takeRecords() -> Bool {
    let nowMs = Clock.nowMs()
    while tally.failure == nil && !isAtEnd && !interruption.isRequested {
      guard pace?.take(nowMs: Clock.monotonicMs()) != false else { return false }
      do throws(InputError) {
        guard let record = try reader.next() else { break }
        try add(record, nowMs)
      } catch {
        leaveOut(error)
      }
    }
    if accumulator.openBytes >= Self.maxOpenBytes { flush() }
    return true
  }

  private mutating func readWhenReady() {
    guard let input = files.current, outbox.isEmpty, tally.failure == nil else { return }
    if Descriptor.wait(for: [Interest(input, .reading)], timeoutMs: 0).isEmpty {
      if !accumulator.isEmpty && window.isEmpty { return flush() }
      guard wait(for: input) else { return }
    }
    do throws(SystemError) {
      let count = try reader.fill { buffer throws(SystemError) in
        try input.read(into: &buffer, maxBytes: Self.chunkBytes)
      }
      if count == 0 { finishFile() }
    } catch {
      endInput(CommandFailure("cannot read \(files.words): \(error)", exitCode: ExitStatus.inputOutputFailed))
    }
  }

  private mutating func finishFile() {
    do throws(InputError) {
      if let last = try reader.finish() { try add(last, Clock.nowMs()) }
    } catch {
      leaveOut(error)
    }
    guard inputFailure == nil else { return }
    numberBefore += reader.number
    reader.restart()
    defer { if let name = files.name { tally.places.begin(name, after: numberBefore) } }
    do throws(CommandFailure) {
      try files.advance()
    } catch {
      endInput(error)
    }
    if isAtEnd { flush() }
  }

  private mutating func add(_ record: InputRecord, _ nowMs: Int64) throws(InputError) {
    do {
      for batch in try accumulator.add(record, line: numberBefore + reader.number, nowMs: nowMs) {
        outbox.append([batch])
      }
    } catch let error as InputError {
      throw error
    } catch {
      tally.fail(CommandFailure("a batch cannot be built: \(error)", exitCode: ExitStatus.invalidInput))
    }
  }

  /// Something is no record: it is skipped, or it is the end. Then all that was before it is stored, and nothing after.
  private mutating func leaveOut(_ error: InputError) {
    let line = numberBefore + reader.number
    let text = "\(tally.places.words(line...line)): \(error)"
    guard configuration.skipsErrors else {
      return endInput(CommandFailure(text, exitCode: ExitStatus.invalidInput))
    }
    skip(text)
  }

  private mutating func skip(_ text: String) {
    tally.skip()
    guard tally.skipped <= Self.maxSkipsTold else { return }
    progress.clear()
    let more = tally.skipped == Self.maxSkipsTold ? "; more are counted only" : ""
    StandardError.write("tailrace: \("\(text); skipped\(more)".withoutControls)\n")
  }

  /// What was read before is still sent.
  private mutating func endInput(_ failure: CommandFailure) {
    if inputFailure == nil { inputFailure = failure }
    flush()
  }

  // MARK: What is sent

  private mutating func flush() {
    do {
      var group: [PendingBatch] = []
      var bytes = 0
      for batch in try accumulator.flush() {
        if !group.isEmpty && (bytes + batch.batch.byteCount > Self.requestBytes || group.count >= Self.requestBatches) {
          outbox.append(group)
          group = []
          bytes = 0
        }
        group.append(batch)
        bytes += batch.batch.byteCount
      }
      if !group.isEmpty { outbox.append(group) }
    } catch {
      tally.fail(CommandFailure("a batch cannot be built: \(error)", exitCode: ExitStatus.invalidInput))
    }
  }

  /// Finds the record that a batch was refused for: its halves are sent, until one is a record alone. That is skipped, or
  /// it is the end. Meanwhile nothing else is sent, so that little comes out of order.
  private mutating func sortOut(_ refusals: [ProduceTally.Refusal]) {
    for refusal in refusals {
      guard tally.failure == nil, refusal.batch.recordCount > 1 else {
        leaveOut(refusal)
        continue
      }
      do throws(RecordBatchError) {
        halves += try refusal.batch.halves(configuration.compression)
      } catch {
        leaveOut(refusal)
      }
    }
    halves.sort { $0.lines.lowerBound > $1.lines.lowerBound }
    isSortingOut = !halves.isEmpty || (isSortingOut && !window.isEmpty)
  }

  private mutating func leaveOut(_ refusal: ProduceTally.Refusal) {
    let failure = tally.count(refusal)
    guard configuration.skipsErrors, refusal.batch.recordCount == 1 else { return tally.fail(failure) }
    skip(failure.message)
  }

  private mutating func send(_ batches: [PendingBatch]) async {
    do {
      // With nothing in flight, nothing can be stored twice or out of order.
      if window.isEmpty && !connection.isOpen { connection = try await reconnect() }
      try window.send(batches, over: connection)
    } catch let error as RPCError {
      fail(batches, CommandFailure(error))
    } catch {
      fail(batches, CommandFailure("a request cannot be encoded: \(error)", exitCode: ExitStatus.invalidInput))
    }
  }

  private mutating func fail(_ batches: [PendingBatch], _ failure: CommandFailure) {
    tally.fail(failure)
    tally.leaveOut(batches.reduce(0) { $0 + $1.recordCount })
  }

  /// Waits for what is in flight, though not for ever.
  private mutating func drain() {
    let end = Clock.monotonicMs() + Self.drainMs
    while !window.isEmpty {
      window.takeAnswers(into: &tally)
      let left = end - Clock.monotonicMs()
      guard !window.isEmpty, left > 0 else { break }
      Descriptor.wait(for: [Interest(window.descriptor, .reading)], timeoutMs: Int32(clamping: left))
    }
    window.takeAnswers(into: &tally)
    // Those that nobody sorts out any more.
    for refusal in tally.takeRefusals() { tally.fail(tally.count(refusal)) }
    window.abandon(into: &tally)
  }
}
