import Dispatch
import TailraceClient
import TailraceWire

/// Prints what a member of a group is given, until there is a reason to end.
///
/// What was written whole is processed, and nothing else: the SDK commits that, at intervals, when a partition goes, and
/// at the end. Nothing here keeps it from being heard of while the output's reader is slow.
struct GroupConsumption {
  /// Written at a time. As much as a pipe holds: of what is not written to its end nothing is committed.
  private static let pieceBytes = 64 << 10

  private let consumer: Consumer
  private let gate: OutputGate
  private let watch: GroupWatchman
  private let output = DispatchQueue(label: "output")
  private var printer: RecordPrinter
  /// Records still to be printed; nil: no bound.
  private var left: Int?

  /// `configuration`: of a group, with automatic commits.
  init(
    _ client: Client, _ configuration: ConsumerConfiguration, group: String, exitsAtEnd: Bool, printer: RecordPrinter,
    limit: Int?
  ) throws(TailraceError) {
    let admin = AdminClient(client)
    let ends = exitsAtEnd ? GroupEnds(admin, group: group) : nil
    var configuration = configuration
    let deletions = DeletionNotices(admin)
    configuration.onAssigned = { partitions in
      deletions.note(partitions)
      await ends?.note(partitions)
    }
    consumer = try Consumer(client, configuration)
    gate = OutputGate(consumer)
    watch = GroupWatchman(consumer: consumer, gate: gate, ends: ends, deletions: deletions)
    self.printer = printer
    left = limit
  }

  /// Returns when it is interrupted, at the end, or at the limit, once all that was written is committed. Throws
  /// CommandFailure.
  mutating func run(until interruption: Interruption) async throws {
    interruption.onRequest { [gate] in
      gate.stop(nil)
      Self.tellOfWaiting()
    }
    let watchman = Task { [watch] in await watch.run() }
    defer { watchman.cancel() }
    let failure = await read()
    await consumer.close()
    if let failure = failure ?? gate.reason { throw failure }
    // Its log has said so.
    if await consumer.leftUncommitted { throw CommandFailure("", exitCode: ExitStatus.code(of: .unavailable)) }
  }

  /// Tells who has typed Ctrl-C at a terminal what it waits for, where it takes long enough to wonder.
  private static func tellOfWaiting() {
    guard Descriptor.standardError.isTerminal else { return }
    Task {
      guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
      StandardError.write(
        "tailrace: waiting for the broker, or for the output's reader, to leave the group in order; once more ends at once\n"
      )
    }
  }

  private mutating func read() async -> CommandFailure? {
    do throws(TailraceError) {
      var batches = consumer.batches.makeAsyncIterator()
      while let batch = try await batches.next() {
        do throws(CommandFailure) {
          guard try await print(batch) else { return nil }
        } catch {
          return error
        }
      }
      return nil
    } catch {
      return CommandFailure(error)
    }
  }

  /// False where that was the last.
  private mutating func print(_ batch: ConsumerBatch) async throws(CommandFailure) -> Bool {
    var records = batch.records[...]
    while !records.isEmpty {
      var piece = StandardOutput()
      var position = batch.firstOffset
      var failure: CommandFailure?
      while failure == nil, left != 0, piece.bytes.count < Self.pieceBytes, let record = records.first {
        do throws(CommandFailure) {
          if try printer.print(record, to: &piece) { left = left.map { $0 - 1 } }
          records.removeFirst()
          position = record.offset + 1
        } catch {
          failure = error
        }
      }
      // What is whole before a failure is written.
      guard gate.beginWriting() else { return false }
      let written = await write(piece)
      if written == nil { consumer.markProcessed([batch.topicPartition: position]) }
      let goesOn = gate.endWriting()
      if let failure = written ?? failure { throw failure }
      guard goesOn, left != 0 else { return false }
    }
    return true
  }

  /// Waits for a reader however long it takes, on a thread of its own.
  private func write(_ piece: StandardOutput) async -> CommandFailure? {
    guard !piece.bytes.isEmpty else { return nil }
    return await withCheckedContinuation { continuation in
      output.async {
        do throws(CommandFailure) {
          var piece = piece
          try piece.flush()
          continuation.resume(returning: nil)
        } catch {
          continuation.resume(returning: error)
        }
      }
    }
  }
}
