import Glibc
import NIOCore
import Synchronization
@testable import TailraceStorage
import Testing

/// Calls to the system that signals break off (EINTR) are repeated, so that nobody above hears of them.
@Suite struct InterruptedCallTests {
  @Test func `a call that is broken off is repeated until it ends otherwise`() {
    for (code, repeats) in [(EINTR, 3), (EIO, 0)] {
      var calls = 0
      let result = retryingInterrupts { () -> Int in
        calls += 1
        errno = calls <= 3 ? code : 0
        return calls <= 3 ? -1 : 7
      }
      #expect(result == (code == EINTR ? 7 : -1))
      #expect(calls == repeats + 1)
    }
  }

  /// One thread writes, fsyncs and reads, while another sends it signals as fast as it can.
  @Test func `files are written and read whole while signals rain on the thread`() async throws {
    let directory = try TestDirectory()
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    sigaction(SIGURG, &action, nil)
    let thread = pthread_self()
    let isDone = Mutex(false)
    let signals = Mutex(0)
    try WorkerThread.start(name: "signals") {
      while !isDone.withLock({ $0 }) {
        pthread_kill(thread, SIGURG)
        signals.withLock { $0 += 1 }
      }
    }
    let file = try RealFileSystem().open("\(directory.path)/file", .createNew)
    let chunk = ByteBuffer(repeating: 7, count: 1 << 20)
    for index in 0..<32 {
      #expect(file.write([chunk, chunk], at: index * 2 << 20).error == nil)
      if index % 8 == 0 { try file.sync() }
      #expect(try file.read(2 << 20, at: index * 2 << 20).readableBytes == 2 << 20)
    }
    isDone.withLock { $0 = true }
    print("InterruptedCallTests: \(signals.withLock { $0 }) signals")
    #expect(try file.byteCount() == 64 << 20)
  }
}
