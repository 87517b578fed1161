package import TailraceWire

extension LocalLogStore {
  package func deleteRecords(
    before offset: Offset?, in partition: PartitionID, fence: Fence
  ) async throws(StorageError) -> Offset {
    throw StorageError(.failed, "not there yet")
  }

  package func admit(producer: Int64, epoch: UInt32, fence: Fence) {}
}
