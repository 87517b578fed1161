internal import Logging
internal import Synchronization

/// What opening the partitions of a store came to, since it was opened: for the operator.
package struct StartReport: Hashable, Sendable {
  package var partitions = 0
  /// Partitions that no clean stop vouched for.
  package var recovered = 0
  /// Partitions of which something, or all, is lost or cannot be used.
  package var faulty = 0
  package var segments = 0
  /// Bytes of batches that were checked.
  package var bytesChecked = 0
  /// Bytes of torn tails that were cut off and kept aside.
  package var bytesCut = 0
}

extension StartReport {
  mutating func note(_ log: RecoveredLog) {
    partitions += 1
    segments += log.segments.count
    if log.fault != nil { faulty += 1 }
    guard let recovery = log.recovery else { return }
    recovered += 1
    bytesChecked += recovery.bytesChecked
    bytesCut += recovery.bytesCut
  }
}

extension LocalLogStore {
  /// What opening partitions came to so far.
  package var startReport: StartReport { contents.withLock { $0.startReport } }

  /// Says in the log what opening the partitions came to. `milliseconds`: how long it took.
  package func logStart(milliseconds: Int64) {
    let report = startReport
    let metadata: Logger.Metadata = .keys([
      .partitions: "\(report.partitions)", .recovered: "\(report.recovered)", .faulty: "\(report.faulty)",
      .segments: "\(report.segments)", .bytesChecked: "\(report.bytesChecked)", .bytesCut: "\(report.bytesCut)",
      .milliseconds: "\(milliseconds)",
    ])
    logger.log(level: report.faulty > 0 ? .error : .info, "partitions opened", metadata: metadata)
  }
}
