package import NIOCore
package import TailraceWire

/// Where the groups' records are kept: locally an internal log; later possibly a shared database.
package protocol OffsetStore: Sendable {
  /// Appends records, in the order of the calls. `completion` is called once, on any thread, perhaps before this returns:
  /// with nil once they are durable, else with why they are not; then some of the first may be stored all the same.
  func append(_ records: [GroupLogRecord], completion: @escaping @Sendable (RPCError?) -> Void)

  /// Hands over the records there are, in their order: at least the latest of each key. Keys of a later release are left
  /// out.
  func replay(_ apply: (GroupRecordKey, ByteBuffer?) -> Void) async throws(RPCError)
}
