#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Has something done on an event loop once the loop has looked at its sockets again.
///
/// A task would not do: a loop runs all tasks that are due, those that tasks add too, before it looks. So this is a pair
/// of sockets of which the loop itself is the reader: a byte in it is an event like any other, and comes with those of the sockets
/// that are ready by then.
///
/// `ask` may be called on any thread; all else happens on the event loop. `@unchecked Sendable`: `body` is set before the
/// first use.
final class LoopYield: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  private let eventLoop: any EventLoop
  private let writeEnd: CInt
  /// Where the byte is read; closed with the loop.
  let readEnd: CInt
  private let isAsked = Atomic<Bool>(false)
  /// What to do, as long as the loop is there; set once.
  var body: () -> Void = {}

  /// Throws the system's error where there are no descriptors left.
  static func make(on eventLoop: any EventLoop) async throws -> LoopYield {
    var ends: [CInt] = [-1, -1]
    // Of sockets, since to write into a pipe whose other end is gone is a signal.
    guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
      throw IOError(errnoCode: errno, reason: "socketpair")
    }
    // Closes its end when it goes.
    let yield = LoopYield(eventLoop: eventLoop, readEnd: ends[0], writeEnd: ends[1])
    for end in ends where fcntl(end, F_SETFL, O_NONBLOCK) != 0 || fcntl(end, F_SETFD, FD_CLOEXEC) != 0 {
      let error = IOError(errnoCode: errno, reason: "fcntl")
      close(ends[0])
      throw error
    }
    // Closed with its loop.
    _ = try await NIOPipeBootstrap(group: eventLoop)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(yield) }
      }
      .takingOwnershipOfDescriptor(input: ends[0])
      .get()
    return yield
  }

  private init(eventLoop: any EventLoop, readEnd: CInt, writeEnd: CInt) {
    self.eventLoop = eventLoop
    self.readEnd = readEnd
    self.writeEnd = writeEnd
  }

  deinit { close(writeEnd) }

  /// Has `body` called once, soon; however often it is asked for until then.
  func ask() {
    guard !isAsked.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var byte: UInt8 = 0
    // There is room for a byte. Should there not be, it is done the other way.
    if send(writeEnd, &byte, 1, CInt(MSG_NOSIGNAL)) != 1 { eventLoop.execute { self.run() } }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { run() }

  func channelInactive(context: ChannelHandlerContext) { body = {} }

  private func run() {
    isAsked.store(false, ordering: .releasing)
    body()
  }
}
