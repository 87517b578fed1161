import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file descriptor, read and written by blocking system calls. Whoever opened it may close it; the standard ones live as
/// long as the process.
struct Descriptor: Hashable, Sendable {
  let number: Int32

  static let standardInput = Descriptor(number: 0)
  static let standardOutput = Descriptor(number: 1)
  static let standardError = Descriptor(number: 2)

  var isTerminal: Bool { isatty(number) == 1 }

  /// Opens a file for reading.
  static func open(reading path: String) throws(SystemError) -> Descriptor {
    while true {
      let number = systemOpen(path, O_RDONLY | O_CLOEXEC)
      if number >= 0 { return Descriptor(number: number) }
      guard errno == EINTR else { throw .last }
    }
  }

  /// Gives it back; it must not be used any more.
  func close() { systemClose(number) }

  /// Reads at most `maxBytes` to the end of `buffer`, waiting until there is something. Returns how many; 0 at the end.
  func read(into buffer: inout ByteBuffer, maxBytes: Int) throws(SystemError) -> Int {
    while true {
      var failure: SystemError?
      let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: maxBytes) { memory in
        let count = systemRead(number, memory.baseAddress, maxBytes)
        if count < 0 { failure = .last }
        return max(0, count)
      }
      guard let failure else { return count }
      switch failure.code {
      case EINTR: continue
      case EAGAIN: Descriptor.wait(for: [Interest(self, .reading)])
      default: throw failure
      }
    }
  }

  /// Writes all of `bytes`, however often that takes.
  func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = systemWrite(number, rest.baseAddress, rest.count)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN: Descriptor.wait(for: [Interest(self, .writing)])
      default: throw .last
      }
    }
  }

  /// Whether a pipe that is written to has lost its reader.
  var hasLostReader: Bool {
    var entry = pollfd(fd: number, events: 0, revents: 0)
    return poll(&entry, 1, 0) == 1 && Int32(entry.revents) & (POLLERR | POLLHUP) != 0
  }
}

/// What to wait for at a descriptor.
struct Interest {
  enum Direction { case reading, writing }

  let descriptor: Descriptor
  let direction: Direction

  init(_ descriptor: Descriptor, _ direction: Direction) {
    self.descriptor = descriptor
    self.direction = direction
  }
}

extension Descriptor {
  /// Waits until one of these would not block, or is broken. `timeoutMs` nil: as long as it takes. Returns those that
  /// are ready; none after a signal, too.
  @discardableResult
  static func wait(for interests: [Interest], timeoutMs: Int32? = nil) -> Set<Descriptor> {
    var entries = interests.map {
      pollfd(fd: $0.descriptor.number, events: Int16($0.direction == .reading ? POLLIN : POLLOUT), revents: 0)
    }
    guard poll(&entries, nfds_t(entries.count), timeoutMs ?? -1) > 0 else { return [] }
    return Set(entries.lazy.filter { $0.revents != 0 }.map { Descriptor(number: $0.fd) })
  }

  /// Opens /dev/null in place of standard streams that are closed: else sockets and files would get their numbers, and
  /// records would be printed to a socket, or the broker's log into a topic's. Input and output are opened for the other
  /// direction, so that what needs them fails, rather than reads nothing or loses what it prints.
  static func occupyStandardStreams() {
    for (number, mode) in [(Int32(0), O_WRONLY), (1, O_RDONLY), (2, O_RDWR)] {
      guard fcntl(number, F_GETFD) == -1, errno == EBADF else { continue }
      // Gives the lowest number that is free: this one.
      _ = systemOpen("/dev/null", mode)
    }
  }
}

// The C library's functions, which the methods of the same name hide.

private func systemOpen(_ path: String, _ flags: Int32) -> Int32 { open(path, flags) }

private func systemClose(_ descriptor: Int32) { _ = close(descriptor) }

private func systemRead(_ descriptor: Int32, _ memory: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(descriptor, memory, count)
}

private func systemWrite(_ descriptor: Int32, _ memory: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, memory, count)
}
