import Dispatch
import TailraceClient
import TailraceWire

/// Carries out what a `GroupConsumer` wants: makes its calls, writes its records, and tells it what came of them.
///
/// Nothing here waits for the output's reader: while a write is under way the heart goes on beating.
struct GroupConsumeLoop {
  private enum Event: Sendable {
    case answer(UInt64, Result<GroupAnswer, RPCError>)
    case connected(UInt64, Connection)
    case written(CommandFailure?)
    case interrupted
    case tick
  }

  private var consumer: GroupConsumer
  private var calls: GroupCalls
  private let reconnect: @Sendable () async throws -> Connection
  private let output = DispatchQueue(label: "output")
  private let events: AsyncStream<Event>
  private let mailbox: AsyncStream<Event>.Continuation
  private var tasks: [UInt64: Task<Void, Never>] = [:]
  private var timer: (atMs: Int64, task: Task<Void, Never>)?

  init(
    consumer: GroupConsumer, calls: GroupCalls, reconnect: @escaping @Sendable () async throws -> Connection,
    interruption: Interruption
  ) {
    self.consumer = consumer
    self.calls = calls
    self.reconnect = reconnect
    (events, mailbox) = AsyncStream.makeStream(of: Event.self)
    interruption.onRequest { [mailbox] in mailbox.yield(.interrupted) }
  }

  /// Returns at the end, at the limit, or when interrupted, with why it ended; nil: all is well.
  mutating func run() async -> CommandFailure? {
    advance()
    for await event in events where !consumer.hasEnded {
      take(event)
      advance()
      if consumer.hasEnded { break }
    }
    timer?.task.cancel()
    for task in tasks.values { task.cancel() }
    return consumer.reason
  }

  private mutating func advance() {
    let nowMs = Clock.monotonicMs()
    for step in consumer.next(nowMs: nowMs) { perform(step) }
    wake(atMs: consumer.wakeAtMs, nowMs: nowMs)
    // Where nothing is awaited, nothing would look whether that was the end.
    if consumer.hasEnded { mailbox.finish() }
  }

  private mutating func take(_ event: Event) {
    let nowMs = Clock.monotonicMs()
    switch event {
    case .answer(let call, let result):
      tasks[call] = nil
      consumer.take(call, result, nowMs: nowMs)
      // `consume | head` ends even where no more records come.
      if Descriptor.standardOutput.hasLostReader { consumer.stop(.readerGone) }
    case .connected(let call, let connection):
      tasks[call] = nil
      calls = GroupCalls(connection: connection, lookup: calls.lookup)
      consumer.take(call, .success(.connected), nowMs: nowMs)
    case .written(let failure): consumer.written(failure)
    case .interrupted: consumer.stop(nil)
    case .tick: timer = nil
    }
  }

  private mutating func perform(_ step: GroupConsumer.Step) {
    switch step {
    case .call(let id, .connect): tasks[id] = connect(id)
    case .call(let id, let call):
      tasks[id] = Task { [calls, mailbox] in
        do throws(RPCError) {
          mailbox.yield(.answer(id, .success(try await calls.make(call))))
        } catch {
          mailbox.yield(.answer(id, .failure(error)))
        }
      }
    case .cancel(let id): tasks.removeValue(forKey: id)?.cancel()
    case .write(let piece):
      output.async { [mailbox] in
        do throws(CommandFailure) {
          var output = piece.output
          try output.flush()
          mailbox.yield(.written(nil))
        } catch {
          mailbox.yield(.written(error))
        }
      }
    case .say(let text): StandardError.write("tailrace: \(text.withoutControls)\n")
    }
  }

  private func connect(_ id: UInt64) -> Task<Void, Never> {
    Task { [calls, reconnect, mailbox] in
      await calls.connection.close()
      do {
        mailbox.yield(.connected(id, try await reconnect()))
      } catch {
        mailbox.yield(.answer(id, .failure(error as? RPCError ?? RPCError(.unknown, "\(error)"))))
      }
    }
  }

  private mutating func wake(atMs: Int64?, nowMs: Int64) {
    guard timer?.atMs != atMs else { return }
    timer?.task.cancel()
    timer = atMs.map { atMs in
      (
        atMs,
        Task { [mailbox] in
          guard (try? await Task.sleep(for: .milliseconds(max(1, atMs - nowMs)))) != nil else { return }
          mailbox.yield(.tick)
        }
      )
    }
  }
}
