import NIOCore
import TailraceClient
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads lines, gathers batches, keeps a window of requests in flight. Blocks its thread from the first line to the
/// last answer.
///
/// While the input keeps coming, batches are filled; when it pauses and nothing is in flight, what is there is sent. So
/// a file goes in large batches, and a line typed by hand goes at once.
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

  struct Configuration {
    var topic: String
    var topicID: ByteBuffer
    var partitionCount: UInt32
    var maxBatchBytes: Int
    var fixedPartition: UInt32?
    var format: InputFormat
    var acks: Acks
    var input: Descriptor
  }

  private let configuration: Configuration
  private var connection: Connection
  private let reconnect: () async throws -> Connection
  private let interruption: Interruption
  private let window: ProduceWindow
  private var splitter: LineSplitter
  private var accumulator: RecordAccumulator
  private var outbox: [[PendingBatch]] = []
  private var lineCount = 0
  /// Nothing more is read: the input is at its end, or `inputFailure` says why.
  private var isAtEnd = false
  private var inputFailure: CommandFailure?
  private var progress = Progress()
  private(set) var tally: ProduceTally

  /// `reconnect` makes another connection, for when the input paused so long that the broker closed the first.
  init(
    _ configuration: Configuration, connection: Connection, reconnect: @escaping () async throws -> Connection,
    interruption: Interruption
  ) throws(SystemError) {
    self.configuration = configuration
    self.connection = connection
    self.reconnect = reconnect
    self.interruption = interruption
    window = try ProduceWindow(
      topic: configuration.topic, topicID: configuration.topicID, acks: configuration.acks)
    splitter = LineSplitter(
      maxLineBytes: configuration.format.maxLineBytes(maxBatchBytes: configuration.maxBatchBytes))
    accumulator = RecordAccumulator(
      partitionCount: configuration.partitionCount, targetBatchBytes: Self.batchBytes,
      maxBatchBytes: configuration.maxBatchBytes, fixedPartition: configuration.fixedPartition,
      firstPartition: UInt32.random(in: 0..<max(1, configuration.partitionCount)))
    tally = ProduceTally(topic: configuration.topic, isUnacknowledged: configuration.acks == .none)
  }

  /// Runs until the input is at its end and answered, or something fails. The tally tells.
  mutating func run() async {
    while tally.failure == nil && !interruption.isRequested && !isDone { await step() }
    tally.leaveOut(accumulator.openRecords + outbox.joined().reduce(0) { $0 + $1.recordCount })
    drain()
    if let inputFailure { tally.fail(inputFailure) }
    progress.clear()
  }

  private var isDone: Bool { isAtEnd && outbox.isEmpty && accumulator.isEmpty && window.isEmpty }

  private mutating func step() async {
    window.takeAnswers(into: &tally)
    progress.show(tally.acknowledged)
    guard tally.failure == nil else { return }
    while !outbox.isEmpty && !window.isFull && tally.failure == nil { await send(outbox.removeFirst()) }
    guard tally.failure == nil else { return }
    if !outbox.isEmpty || isAtEnd {
      if isAtEnd && outbox.isEmpty && !accumulator.isEmpty { return flush() }
      guard !window.isEmpty else { return }
      Descriptor.wait(for: [Interest(window.descriptor, .reading), Interest(interruption.descriptor, .reading)])
      return
    }
    readWhenReady()
  }

  private mutating func readWhenReady() {
    let input = Interest(configuration.input, .reading)
    if Descriptor.wait(for: [input], timeoutMs: 0).isEmpty {
      if !accumulator.isEmpty && window.isEmpty { return flush() }
      let ready = Descriptor.wait(
        for: [
          input, Interest(window.descriptor, .reading), Interest(interruption.descriptor, .reading),
        ])
      guard ready.contains(configuration.input) else { return }
    }
    read()
  }

  private mutating func read() {
    do {
      let input = configuration.input
      let count = try splitter.fill { buffer throws(SystemError) in
        try input.read(into: &buffer, maxBytes: Self.chunkBytes)
      }
      let nowMs = Clock.nowMs()
      if count == 0 {
        isAtEnd = true
        if let last = splitter.finish() { try take(last, nowMs) }
      } else {
        while let line = try splitter.next() { try take(line, nowMs) }
      }
      if isAtEnd || accumulator.openBytes >= Self.maxOpenBytes { flush() }
    } catch let error as SystemError {
      endInput(CommandFailure("cannot read the input: \(error)", exitCode: ExitStatus.inputOutputFailed))
    } catch let error as LineTooLong {
      failLine(
        lineCount + 1, "longer than \(error.maxBytes) bytes: no batch of this topic holds it, see max_batch_bytes")
    } catch let error as RecordBatchError {
      tally.fail(CommandFailure(error))
    } catch {
      failLine(lineCount, "\(error)")
    }
  }

  private mutating func take(_ line: ByteBuffer, _ nowMs: Int64) throws {
    lineCount += 1
    guard let record = try configuration.format.record(of: line) else { return }
    for batch in try accumulator.add(record, line: lineCount, nowMs: nowMs) { outbox.append([batch]) }
  }

  private mutating func failLine(_ line: Int, _ reason: String) {
    endInput(CommandFailure("line \(line): \(reason)", exitCode: ExitStatus.invalidInput))
  }

  /// What was read before is still sent: all lines before the faulty one are stored, none after it.
  private mutating func endInput(_ failure: CommandFailure) {
    inputFailure = failure
    isAtEnd = true
    flush()
  }

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
    window.abandon(into: &tally)
  }
}
