package import TailraceWire

extension TailraceError {
  /// A kind of failure: one of the broker's error codes, or, where there is nothing finer, a gRPC status.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    private enum Value: Hashable {
      case error(Int32)
      case status(StatusCode)
    }

    private let value: Value

    package init(_ error: ErrorCode) { value = .error(error.rawValue) }

    package init(_ status: StatusCode) { value = .status(status) }

    package init(_ error: RPCError) {
      value = error.error == .unspecified ? .status(error.code) : .error(error.error.rawValue)
    }

    /// The schema's code; `.unspecified` for a status.
    package var error: ErrorCode {
      switch value {
      case .error(let code): ErrorCode(rawValue: code)
      case .status: .unspecified
      }
    }

    /// The status; nil for a code of the schema.
    package var status: StatusCode? {
      switch value {
      case .error: nil
      case .status(let status): status
      }
    }

    /// The name in the schema, without its prefix: "UNKNOWN_TOPIC", "DEADLINE_EXCEEDED".
    public var description: String {
      switch value {
      case .status(let status): return status.name
      case .error(let code):
        let name = ErrorCode(rawValue: code).name
        let prefix = "ERROR_CODE_"
        return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : "ERROR_CODE_\(name)"
      }
    }

    /// Whether the same thing may succeed later.
    public var isRetriable: Bool {
      switch value {
      case .status(let status): Self.retriableStatuses.contains(status)
      case .error(let code): Self.retriableErrors.contains(ErrorCode(rawValue: code))
      }
    }

    private static let retriableStatuses: Set<StatusCode> = [
      .unavailable, .deadlineExceeded, .resourceExhausted, .aborted,
    ]
    private static let retriableErrors: Set<ErrorCode> = [
      .corruptBatch, .storageFull, .unknownOutcome, .limitReached, .shuttingDown,
    ]
  }
}

// What the client itself may say.
extension TailraceError.Code {
  /// The task was cancelled.
  public static let cancelled = Self(.cancelled)
  /// An argument makes no sense; the message says which and why.
  public static let invalidArgument = Self(StatusCode.invalidArgument)
  /// Not done in time. A produce may be stored nevertheless.
  public static let deadlineExceeded = Self(.deadlineExceeded)
  /// No broker could be reached, or the connection was lost.
  public static let unavailable = Self(.unavailable)
  /// A bound of this client or of the broker is reached.
  public static let resourceExhausted = Self(.resourceExhausted)
  /// Not as things are: a consumer that is closed, a group with members.
  public static let failedPrecondition = Self(.failedPrecondition)
  /// Nothing of that name.
  public static let notFound = Self(.notFound)
  /// The broker does not know the call.
  public static let unimplemented = Self(.unimplemented)
  /// A fault in the broker or in this library.
  public static let internalError = Self(.internalError)
}

// What the broker says of parts of a call: see `proto/tailrace/v1/error.proto`.
extension TailraceError.Code {
  /// No topic of that name.
  public static let unknownTopic = Self(ErrorCode.unknownTopic)
  /// The topic has fewer partitions.
  public static let unknownPartition = Self(ErrorCode.unknownPartition)
  /// The topic was deleted and created again meanwhile.
  public static let unknownTopicID = Self(ErrorCode.unknownTopicID)
  /// A topic of that name is there already.
  public static let topicExists = Self(ErrorCode.topicExists)
  /// Not something that can be asked of this partition; the message says why.
  public static let invalidRequest = Self(ErrorCode.invalidRequest)
  /// Not a legal topic name.
  public static let invalidTopicName = Self(ErrorCode.invalidTopicName)
  /// Topics that begin with "__" belong to the broker.
  public static let internalTopic = Self(ErrorCode.internalTopic)
  /// An unknown configuration name, or a value out of bounds.
  public static let invalidConfig = Self(ErrorCode.invalidConfig)
  /// The offset is below the log's start or above its end.
  public static let offsetOutOfRange = Self(ErrorCode.offsetOutOfRange)
  /// The log's end fell back below the offset after a crash.
  public static let offsetTruncated = Self(ErrorCode.offsetTruncated)
  /// A checksum does not match.
  public static let corruptBatch = Self(ErrorCode.corruptBatch)
  /// A record breaks a rule; the message names record and rule.
  public static let invalidRecord = Self(ErrorCode.invalidRecord)
  /// Larger than the topic's max_batch_bytes.
  public static let batchTooLarge = Self(ErrorCode.batchTooLarge)
  /// A record without a key, on a compacted topic.
  public static let missingKey = Self(ErrorCode.missingKey)
  /// The log is damaged below its durable end.
  public static let dataLoss = Self(ErrorCode.dataLoss)
  /// Writing failed, and the partition is read-only until the broker is restarted.
  public static let storageFailed = Self(ErrorCode.storageFailed)
  /// The broker's disk is full.
  public static let storageFull = Self(ErrorCode.storageFull)
  /// Whether a batch was stored is not known.
  public static let unknownOutcome = Self(ErrorCode.unknownOutcome)
  /// A batch of the producer is missing before this one.
  public static let outOfOrderSequence = Self(ErrorCode.outOfOrderSequence)
  /// A newer producer has the same name.
  public static let producerFenced = Self(ErrorCode.producerFenced)
  /// The broker does not know the producer any more.
  public static let unknownProducer = Self(ErrorCode.unknownProducer)
  /// No group of that id.
  public static let unknownGroup = Self(ErrorCode.unknownGroup)
  /// Not a member of the group any more.
  public static let unknownMember = Self(ErrorCode.unknownMember)
  /// Another process has taken the member's place.
  public static let fencedMember = Self(ErrorCode.fencedMember)
  /// The member does not own the partition.
  public static let notOwner = Self(ErrorCode.notOwner)
  /// Only an empty group can be changed so.
  public static let groupNotEmpty = Self(ErrorCode.groupNotEmpty)
  /// A bound of the broker is reached.
  public static let limitReached = Self(ErrorCode.limitReached)
}
