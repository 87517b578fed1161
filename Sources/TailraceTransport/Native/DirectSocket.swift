#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore

/// The socket of a connection, for what need not go through its channel.
///
/// A channel keeps a queue, a promise and an account for what it is given, in case the socket does not take it. A socket
/// nearly always takes a few answers at once, and for those all that costs several times what it takes to make them. What
/// the socket does not take is the channel's after all. Nothing may stand between the connection's handler and the channel
/// that changes bytes, and the channel must have nothing left to write.
///
/// A read through a channel costs as much again; see `LoopSockets`.
///
/// Isolation: the channel's event loop.
struct DirectSocket {
  private let channel: any Channel
  private let descriptor: CInt

  /// nil where the channel has no socket.
  init?(_ channel: any Channel) {
    let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self, { $0 })
    guard let descriptor else { return nil }
    self.channel = channel
    self.descriptor = descriptor
  }

  /// Writes as much of `bytes` as the socket takes at once. Returns how much that is: 0 also where it is broken, which the
  /// channel finds out in its turn.
  func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    // Once the channel is closed another one may have the descriptor.
    guard channel.isActive, !bytes.isEmpty else { return 0 }
    return max(0, send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)))
  }

  /// Reads what there is, up to `byteCount` bytes, into `buffer`, which it empties before. Returns how much that is: 0 where
  /// there is nothing, at the end, and where the socket is broken, which the channel finds out in its turn.
  func read(_ byteCount: Int, into buffer: inout ByteBuffer) -> Int {
    guard channel.isActive else { return 0 }
    buffer.clear(minimumCapacity: byteCount)
    return buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { room in
      max(0, recv(descriptor, room.baseAddress, byteCount, CInt(MSG_DONTWAIT)))
    }
  }

  /// Has `sockets` look at it for `reader`.
  func watch(_ sockets: LoopSockets, for reader: any DirectReader) -> UInt32 {
    sockets.watch(descriptor, for: reader)
  }
}
