import Synchronization
import TailraceClient

/// Looks, while nothing else happens, whether it is time to end.
struct GroupWatchman: Sendable {
  private static let interval = Duration.milliseconds(250)

  let consumer: Consumer
  let gate: OutputGate
  /// Nil: it goes on behind the ends.
  let ends: GroupEnds?
  let deletions: DeletionNotices

  /// Until the task is cancelled.
  func run() async {
    while (try? await Task.sleep(for: Self.interval)) != nil {
      await deletions.tell(assignment: consumer.assignment)
      // `consume | head` ends even where no more records come.
      if Descriptor.standardOutput.hasLostReader { gate.stop(.readerGone) }
      guard let ends else { continue }
      do throws(TailraceError) {
        if try await isAtEnd(ends) { gate.stop(nil) }
      } catch  where error.isRetriable || error.code == .deadlineExceeded {
        continue
      } catch {
        gate.stop(CommandFailure(error))
      }
    }
  }

  /// Whether all is read, and nobody in the group waits for a partition.
  private func isAtEnd(_ ends: GroupEnds) async throws(TailraceError) -> Bool {
    try ends.check()
    let share = consumer.assignment
    guard await consumer.readsItsShare, ends.areReached(by: consumer.processed, of: share) else { return false }
    guard try await ends.isGroupStable() else { return false }
    return await consumer.readsItsShare && consumer.assignment == share
  }
}

/// Says once of each topic that is deleted why nothing comes of it any more. Thread-safe.
final class DeletionNotices: Sendable {
  private let admin: AdminClient
  /// Those that there was a part of.
  private let topics = Mutex<Set<String>>([])

  init(_ admin: AdminClient) { self.admin = admin }

  /// Parts of these topics are given.
  func note(_ partitions: [TopicPartition]) { topics.withLock { $0.formUnion(partitions.map(\.topic)) } }

  /// Asks for the topics of which there is no part in `assignment` any more.
  func tell(assignment: [TopicPartition]) async {
    let held = Set(assignment.map(\.topic))
    let missing = topics.withLock { topics in
      topics.formUnion(held)
      return topics.subtracting(held)
    }
    for topic in missing.sorted() {
      do throws(TailraceError) {
        _ = try await admin.describeTopic(topic)
      } catch  where error.code == .unknownTopic {
        StandardError.write("tailrace: topic '\(topic.withoutControls)' was deleted; nothing more comes of it\n")
      } catch {
        // Nobody is there to ask; the next time.
        continue
      }
      _ = topics.withLock { $0.remove(topic) }
    }
  }
}

/// Where partitions ended when they were given. Thread-safe.
final class GroupEnds: Sendable {
  private let admin: AdminClient
  private let group: String
  private let ends = Mutex<[TopicPartition: Int64]>([:])
  private let failure = Mutex<TailraceError?>(nil)

  init(_ admin: AdminClient, group: String) {
    self.admin = admin
    self.group = group
  }

  /// Looks up where these end now; those that are not there any more have no end.
  func note(_ partitions: [TopicPartition]) async {
    do throws(TailraceError) {
      for (partition, result) in try await admin.listOffsets(.latest, of: partitions) {
        switch result {
        case .success(let end): ends.withLock { $0[partition] = end.offset }
        case .failure(let error) where [.unknownTopic, .unknownTopicID, .unknownPartition].contains(error.code):
          ends.withLock { $0[partition] = nil }
        case .failure(let error): throw error
        }
      }
    } catch {
      failure.withLock { $0 = error }
    }
  }

  /// Throws where ends could not be looked up.
  func check() throws(TailraceError) {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  func areReached(by positions: [TopicPartition: Int64], of partitions: [TopicPartition]) -> Bool {
    ends.withLock { ends in partitions.allSatisfy { positions[$0, default: .max] >= ends[$0, default: 0] } }
  }

  func isGroupStable() async throws(TailraceError) -> Bool { try await admin.describeGroup(group).state == .stable }
}
