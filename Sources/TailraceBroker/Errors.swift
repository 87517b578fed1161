package import TailraceStorage
package import TailraceWire

/// The failure of one part of a call.
package struct PartitionFailure: Error, Hashable, Sendable {
  package let code: ErrorCode
  package let message: String

  package init(_ code: ErrorCode, _ message: String) {
    self.code = code
    self.message = message
  }

  /// As it goes over the wire.
  package var partitionError: PartitionError { PartitionError(code: code, message: message) }
}

// The one place where internal errors become errors of the API.

extension PartitionFailure {
  package init(_ error: StorageError) { self.init(error.errorCode, error.message) }

  package init(_ error: RecordBatchError) { self.init(error.code, error.message) }

  package init(_ error: RPCError) {
    self.init(error.error == .unspecified ? .invalidRequest : error.error, error.message)
  }
}

extension StorageError {
  /// The code for a part of a call.
  package var errorCode: ErrorCode {
    switch kind {
    case .unknownPartition: .unknownPartition
    case .offsetOutOfRange: .offsetOutOfRange
    case .offsetTruncated: .offsetTruncated
    case .batchTooLarge: .batchTooLarge
    case .missingKey: .missingKey
    case .outOfOrderSequence: .outOfOrderSequence
    case .producerFenced: .producerFenced
    case .unknownProducer: .unknownProducer
    case .fenced: .unknownOutcome
    case .dataLoss: .dataLoss
    case .failed, .incompatible, .inputOutput: .storageFailed
    case .full: .storageFull
    case .closed: .shuttingDown
    }
  }

  /// The status for a whole call.
  package var statusCode: StatusCode {
    switch kind {
    case .unknownPartition: .notFound
    case .offsetOutOfRange, .offsetTruncated: .outOfRange
    case .batchTooLarge, .missingKey: .invalidArgument
    case .outOfOrderSequence, .producerFenced, .unknownProducer, .incompatible: .failedPrecondition
    case .fenced: .aborted
    case .dataLoss: .dataLoss
    case .failed, .inputOutput: .internalError
    case .full: .resourceExhausted
    case .closed: .unavailable
    }
  }
}

extension RPCError {
  package init(_ error: StorageError) { self.init(error.statusCode, error.message, error: error.errorCode) }
}
