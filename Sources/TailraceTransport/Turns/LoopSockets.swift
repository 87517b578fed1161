#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore
internal import TailraceWire

/// A connection that can read past its channel. Event loop only.
protocol DirectReader: TurnMember {
  /// Reads what there is into `buffer`, where that is a little. False where nothing was read, and its channel is to.
  func readDirectly(into buffer: inout ByteBuffer, at now: NIODeadline) -> Bool
}

/// What there is to read for an event loop, looked at without the loop.
///
/// A loop goes a long way for each socket that has something: events, registrations, a pipeline. Between two of its own
/// looks the requests that are there by then are read straight from here, and have their turn (`LoopTurn`). The loop's
/// own set is not to be had, so this is one beside it; what is read here it does not find any more, and all the rest it
/// does: ends of streams, errors, and everything from descriptors without a reader.
///
/// Isolation: its event loop, once it is shared.
final class LoopSockets {
  /// More at a time is better read by the channel, whose buffers grow with what comes.
  static let readBytes = 8 << 10

  private let ready: ReadySet
  /// Under the name that a descriptor has in the set, less one; 0 is the name of those without a reader.
  private var readers: [(any DirectReader)?] = []
  private var freeNames: [UInt32] = []
  /// What the last look found.
  private var found: [UInt32] = []
  /// One for each of those that read; a buffer that nobody holds any more serves again.
  private var buffers: [ByteBuffer] = []

  /// Throws the system's error where there are no descriptors left.
  init() throws(IOError) {
    guard let ready = ReadySet() else { throw IOError(errnoCode: errno, reason: "epoll_create1") }
    self.ready = ready
  }

  /// Has what comes on `descriptor` found until it is closed. Where the system does not allow that, it is not.
  func watch(_ descriptor: CInt) { ready.add(descriptor) }

  /// Has `reader` read what comes on `descriptor`. Returns what `forget` takes.
  func watch(_ descriptor: CInt, for reader: any DirectReader) -> UInt32 {
    let name = freeNames.popLast() ?? UInt32(readers.count + 1)
    if name > readers.count { readers.append(nil) }
    readers[Int(name - 1)] = reader
    ready.add(descriptor, as: name)
    return name
  }

  /// The reader of this name reads no more.
  func forget(_ name: UInt32) {
    readers[Int(name - 1)] = nil
    freeNames.append(name)
  }

  /// Whether there is something to read.
  func look() -> Bool {
    found.removeAll(keepingCapacity: true)
    return !ready.find(&found) || !found.isEmpty
  }

  /// Has those read that the last look found. Returns whether all did; else the loop has to look.
  ///
  /// - Parameter note: Gets those that have read.
  func read(at now: NIODeadline, _ note: (any DirectReader) -> Void) -> Bool {
    var isAll = !found.isEmpty
    var count = 0
    for name in found {
      guard name > 0, let reader = readers[Int(name - 1)] else {
        isAll = false
        continue
      }
      if count == buffers.count { buffers.append(ByteBuffer()) }
      if reader.readDirectly(into: &buffers[count], at: now) {
        note(reader)
        count += 1
      } else {
        isAll = false
      }
    }
    return isAll
  }
}
