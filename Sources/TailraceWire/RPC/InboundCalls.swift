internal import DequeModule
package import NIOCore

/// The calls of one connection that nobody has taken yet, in the order in which they came.
///
/// What one read brought is held once, however many calls lie in it. A call's message is cut out of it when the call is
/// taken; until then a call is a few numbers.
///
/// Isolation: its connection's event loop.
package final class InboundCalls: @unchecked Sendable {
  private struct Entry: Sendable {
    var id: CallID
    var deadline: NIODeadline
    /// Which of the reads, counted from the first there ever was, and where in it the message lies.
    var read: Int
    var start: Int
    var byteCount: Int
    var method: RPCMethod
    var hasMetadata: Bool
  }

  private var entries = Deque<Entry>()
  /// Those that calls lie in, and perhaps one more, which is being read.
  private var reads = Deque<ByteBuffer>()
  /// The number of the first of `reads`.
  private var firstRead = 0
  private var metadata: [CallID: [Metadata]] = [:]
  /// What the reads take in memory, in bytes: more than their calls' messages, perhaps by far.
  package private(set) var heldBytes = 0

  package init() {}

  package var count: Int { entries.count }
  package var isEmpty: Bool { entries.isEmpty }
  package var ids: [CallID] { entries.map(\.id) }

  /// The calls that are appended by place lie in these bytes, until `endRead`.
  package func beginRead(_ bytes: ByteBuffer) {
    reads.append(bytes)
    heldBytes += bytes.storageCapacity
  }

  /// Adds a call whose message lies at `place` in the bytes of the read: indices of that buffer.
  package func append(_ id: CallID, _ method: RPCMethod, at place: Range<Int>, deadline: NIODeadline) {
    entries.append(
      Entry(
        id: id, deadline: deadline, read: firstRead + reads.count - 1, start: place.lowerBound, byteCount: place.count,
        method: method, hasMetadata: false))
  }

  /// No more calls lie in the read that was begun.
  package func endRead() {
    if let last = entries.last, last.read == firstRead + reads.count - 1 { return }
    heldBytes -= reads.removeLast().storageCapacity
  }

  /// Adds a call that has its message, between reads.
  package func append(_ call: InboundCall) {
    // Its read is not to be held for the sake of it.
    let message = call.message.compacted
    beginRead(message)
    let start = message.readerIndex
    append(call.id, call.method, at: start..<start + message.readableBytes, deadline: call.deadline)
    if call.metadata.isEmpty { return }
    entries[entries.count - 1].hasMetadata = true
    metadata[call.id] = call.metadata
  }

  /// Drops all calls.
  package func removeAll() {
    entries = []
    reads = []
    firstRead = 0
    metadata = [:]
    heldBytes = 0
  }

  /// Takes the call that came first.
  package func popFirst() -> InboundCall? {
    guard let entry = entries.popFirst() else { return nil }
    let message = reads[entry.read - firstRead].getSlice(at: entry.start, length: entry.byteCount) ?? ByteBuffer()
    let metadata = forget(entry)
    return InboundCall(
      id: entry.id, method: entry.method, message: message, deadline: entry.deadline, metadata: metadata)
  }

  /// Removes a call, between reads. False where it is not there.
  package func remove(_ id: CallID) -> Bool {
    guard let index = entries.firstIndex(where: { $0.id == id }) else { return false }
    let entry = entries.remove(at: index)
    dropRead(entry.read, unlessHeldAround: index)
    _ = forget(entry)
    return true
  }

  /// A call before `index` was taken out of the midst, or the end. Where it was the only one of its read, that must not
  /// wait for those before it: it may be large, and they may wait long.
  private func dropRead(_ read: Int, unlessHeldAround index: Int) {
    let isHeld =
      index > 0 && entries[index - 1].read == read || index < entries.count && entries[index].read == read
    guard !isHeld else { return }
    heldBytes -= reads.remove(at: read - firstRead).storageCapacity
    for later in index..<entries.count { entries[later].read -= 1 }
  }

  /// A call was taken out: so is what only it had use for. Returns its metadata.
  private func forget(_ entry: Entry) -> [Metadata] {
    let last = firstRead + reads.count
    let needed = entries.first?.read ?? last
    while firstRead < needed {
      heldBytes -= reads.removeFirst().storageCapacity
      firstRead += 1
    }
    return entry.hasMetadata ? metadata.removeValue(forKey: entry.id) ?? [] : []
  }
}
