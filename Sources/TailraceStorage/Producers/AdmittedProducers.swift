internal import Synchronization
package import TailraceWire

/// In which epoch each producer may write, of those that were admitted: see `LogStore.admit`. Thread-safe; a check costs
/// no lock while nobody was admitted.
package final class AdmittedProducers: Sendable {
  private let epochs = Mutex<[Int64: UInt32]>([:])
  /// Whether there are any.
  private let isInUse = Atomic<Bool>(false)

  package init() {}

  /// From now on the producer may write in `epoch`, and in no other.
  package func admit(_ producer: Int64, epoch: UInt32) {
    epochs.withLock { $0[producer] = epoch }
    isInUse.store(true, ordering: .releasing)
  }

  /// Why a batch's producer may not write in its epoch, `.producerFenced` or `.unknownProducer`; nil where it may, or
  /// where there is no producer.
  package func refusal(of header: RecordBatchHeader) -> StorageError? {
    guard header.producerID != 0 else { return nil }
    guard isInUse.load(ordering: .acquiring) else { return refusal(of: header, admitted: nil) }
    return refusal(of: header, admitted: epochs.withLock { $0[header.producerID] })
  }

  private func refusal(of header: RecordBatchHeader, admitted: UInt32?) -> StorageError? {
    let epoch = admitted ?? 0
    guard header.producerEpoch != epoch else { return nil }
    guard header.producerEpoch > epoch else {
      return StorageError(
        .producerFenced,
        "producer \(header.producerID) wrote in epoch \(header.producerEpoch): epoch \(epoch) has taken over")
    }
    return StorageError(
      .unknownProducer,
      "producer \(header.producerID) wrote in epoch \(header.producerEpoch), which was not handed out: \(epoch) is the"
        + " latest")
  }
}
