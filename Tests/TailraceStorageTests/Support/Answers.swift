import Synchronization
@testable import TailraceStorage
import TailraceWire
import Testing

/// Outcomes as they arrive, each at most once.
final class Answers: Sendable {
  private let outcomes: Mutex<[AppendOutcome?]>

  init(_ count: Int) { outcomes = Mutex(Array(repeating: nil, count: count)) }

  func set(_ index: Int, _ outcome: AppendOutcome) {
    outcomes.withLock {
      #expect($0[index] == nil)
      $0[index] = outcome
    }
  }

  var kinds: [String] {
    outcomes.withLock { $0 }.map { outcome in
      switch outcome {
      case .appended(let batch), .duplicate(let batch): "appended \(batch.baseOffset)"
      case .refused(let error): "refused \(error.kind)"
      case .unknown(let error): "unknown \(error.kind)"
      case nil: "missing"
      }
    }
  }
}

extension LogStore {
  /// Appends the batches in one call, each as a request of its own; does not wait for the answers.
  func start(
    _ batches: [ValidatedBatch], to partition: PartitionID = partitionA, _ durability: AppendDurability = .durable
  ) -> Answers {
    let answers = Answers(batches.count)
    let requests = batches.enumerated().map { index, batch in
      AppendRequest(partition: partition, batch: batch, durability: durability) { answers.set(index, $0) }
    }
    append(requests, fence: .local)
    return answers
  }
}

/// Records an issue; for the `else` of a guard.
func fail(_ what: Comment, sourceLocation: SourceLocation = #_sourceLocation) {
  Issue.record(what, sourceLocation: sourceLocation)
}
