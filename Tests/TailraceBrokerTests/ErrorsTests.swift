import TailraceBroker
import TailraceStorage
import TailraceWire
import Testing

@Suite struct ErrorsTests {
  /// Without a default: a new kind has to be thought about here too.
  private func expected(_ kind: StorageError.Kind) -> (error: ErrorCode, status: StatusCode) {
    switch kind {
    case .unknownPartition: (.unknownPartition, .notFound)
    case .offsetOutOfRange: (.offsetOutOfRange, .outOfRange)
    case .offsetTruncated: (.offsetTruncated, .outOfRange)
    case .batchTooLarge: (.batchTooLarge, .invalidArgument)
    case .missingKey: (.missingKey, .invalidArgument)
    case .outOfOrderSequence: (.outOfOrderSequence, .failedPrecondition)
    case .producerFenced: (.producerFenced, .failedPrecondition)
    case .unknownProducer: (.unknownProducer, .failedPrecondition)
    case .fenced: (.unknownOutcome, .aborted)
    case .dataLoss: (.dataLoss, .dataLoss)
    case .failed: (.storageFailed, .internalError)
    case .full: (.storageFull, .resourceExhausted)
    case .incompatible: (.storageFailed, .failedPrecondition)
    case .inputOutput: (.storageFailed, .internalError)
    case .closed: (.shuttingDown, .unavailable)
    }
  }

  private let kinds: [StorageError.Kind] = [
    .unknownPartition, .offsetOutOfRange, .offsetTruncated(to: Offset(7)), .batchTooLarge, .missingKey,
    .outOfOrderSequence, .producerFenced, .unknownProducer, .fenced, .dataLoss, .failed, .full, .incompatible,
    .inputOutput, .closed,
  ]

  @Test func `every failure of storage has a code for a part and a status for a call`() {
    #expect(Set(kinds).count == 15)
    for kind in kinds {
      let error = StorageError(kind, "what happened")
      let (code, status) = expected(kind)
      #expect(PartitionFailure(error) == PartitionFailure(code, "what happened"))
      #expect(RPCError(error) == RPCError(status, "what happened", error: code))
      #expect(RPCError(error).code != .ok)
    }
  }

  @Test func `a fault of a batch keeps its code and message`() {
    for code in ErrorCode.allKnown {
      let failure = PartitionFailure(RecordBatchError(code, "rule"))
      #expect(failure == PartitionFailure(code, "rule"))
      #expect(failure.partitionError == PartitionError(code: code, message: "rule"))
    }
  }

  @Test func `the failure of a call as that of a part always has a code`() {
    #expect(PartitionFailure(RPCError(.notFound, "x", error: .unknownTopic)) == PartitionFailure(.unknownTopic, "x"))
    #expect(PartitionFailure(RPCError(.internalError, "x")) == PartitionFailure(.invalidRequest, "x"))
  }
}
