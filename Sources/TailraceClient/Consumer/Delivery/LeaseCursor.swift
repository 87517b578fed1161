internal import Synchronization

/// Hands out the records of a queue, lease after lease.
///
/// A record counts as processed when the next is asked for. Until the batches at hand are at their end that takes no
/// lock, and does not suspend.
struct LeaseCursor {
  private let queue: DeliveryQueue
  private var lease: Lease?
  /// Of the lease; without one, at its end.
  private var reader = LaneReader.empty
  private var hasEnded = false

  init(_ queue: DeliveryQueue) { self.queue = queue }

  /// What was handed out is done with. True where there may be more at hand, and nobody has anything against it.
  @inline(__always)
  func mayGoOn() -> Bool {
    guard let lane = lease?.lane else { return false }
    lane.processed.store(lane.delivered.load(ordering: .relaxed), ordering: .releasing)
    return !lane.isInterrupted.load(ordering: .acquiring) && !Task.isCancelled
  }

  /// The next record at hand, to be handed out; nil at the end of what is.
  @inline(__always)
  mutating func nextRecord() throws(TailraceError) -> ConsumerRecord? {
    do throws(TailraceError) {
      guard let record = try reader.nextRecord() else { return nil }
      lease?.lane.delivered.store(record.offset + 1, ordering: .releasing)
      return record
    } catch {
      lease?.fail(error)
      end()
      throw error
    }
  }

  /// The same, of several records, at most `count`.
  mutating func nextBatch(_ count: Int) throws(TailraceError) -> ConsumerBatch? {
    var records: [ConsumerRecord] = []
    do throws(TailraceError) {
      while records.count < count, let record = try reader.nextRecord() { records.append(record) }
    } catch {
      // What is whole before the damage is handed out; then it is come upon again.
      guard !records.isEmpty else {
        lease?.fail(error)
        end()
        throw error
      }
    }
    guard let lease, let last = records.last else { return nil }
    lease.lane.delivered.store(last.offset + 1, ordering: .releasing)
    return ConsumerBatch(lease.lane.partition, records: records, highWatermark: lease.highWatermark)
  }

  /// Waits for others; false at the end.
  mutating func advance() async throws(TailraceError) -> Bool {
    guard !hasEnded else { return false }
    finishLease()
    do throws(TailraceError) {
      if let next = try await queue.take() {
        (lease, reader) = (next, next.reader)
        return true
      }
    } catch {
      end()
      throw error
    }
    end()
    return false
  }

  /// What was handed out is done with, and offsets behind it that hold no record any more.
  private mutating func finishLease() {
    if let lane = lease?.lane {
      lane.delivered.store(reader.position, ordering: .releasing)
      lane.processed.store(reader.position, ordering: .releasing)
    }
    (lease, reader) = (nil, .empty)
  }

  private mutating func end() {
    hasEnded = true
    (lease, reader) = (nil, .empty)
  }
}
