import TailraceWire

/// What the commands exit with: 0 done, 64 usage, 128 plus the number of a signal that stopped
/// them, otherwise 8 plus the number of a gRPC status.
enum ExitStatus {
  /// The command line makes no sense, or names a file that cannot be opened: EX_USAGE, as ArgumentParser has it.
  static let usage: Int32 = 64
  /// Input that is no record.
  static let invalidInput = code(of: .invalidArgument)
  /// Input that cannot be read, or output that cannot be written.
  static let inputOutputFailed = code(of: .unknown)
  /// Data on disk is damaged or missing.
  static let dataLoss = code(of: .dataLoss)

  static let help = """
    Exit codes: 0 done; 64 usage; 130 stopped by SIGINT, 143 by SIGTERM; otherwise 8 plus the number of the gRPC \
    status, such as 9 not confirmed, 10 input or output failed, 11 invalid argument or input, 13 not found, 14 exists already, \
    19 offset out of range, 22 unavailable (no broker there), 23 data is damaged or lost.
    """

  static func code(of status: StatusCode) -> Int32 {
    status == .ok ? 0 : 8 + status.rawValue
  }

  /// The status of a whole call that corresponds to the failure of a part of one.
  static func status(of error: ErrorCode) -> StatusCode {
    switch error {
    case .unknownTopic, .unknownPartition, .unknownGroup: .notFound
    case .topicExists: .alreadyExists
    case .invalidRequest, .invalidTopicName, .internalTopic, .invalidConfig, .invalidRecord, .batchTooLarge,
      .unsupportedCompression, .invalidTimestamp, .missingKey:
      .invalidArgument
    case .offsetOutOfRange, .offsetTruncated: .outOfRange
    case .dataLoss, .corruptBatch: .dataLoss
    case .storageFull, .limitReached: .resourceExhausted
    case .storageFailed: .internalError
    case .unknownTopicID, .outOfOrderSequence, .producerFenced, .unknownProducer, .unknownMember, .fencedMember,
      .notOwner, .groupNotEmpty:
      .failedPrecondition
    case .shuttingDown: .unavailable
    default: .unknown
    }
  }
}
