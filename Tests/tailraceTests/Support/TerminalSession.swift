import Foundation
import TailraceTestSupport

/// A command on a terminal of its own, as a person has it: the terminal is its input, output and error stream, and Ctrl-C
/// reaches it.
final class TerminalSession {
  /// TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which Swift does not see.
  private static let setLock: UInt = 0x4004_5431
  private static let getNumber: UInt = 0x8004_5430

  private let process = Process()
  private let master: Int32
  /// No wait takes longer than this from the start: whoever is on the terminal is sent SIGHUP then.
  private let deadline = ContinuousClock.now + .seconds(600)
  private let arguments: [String]
  /// All that the terminal has shown so far, as it was sent.
  private(set) var screen = ""
  private var unread = ""

  /// Runs the tool, or another program.
  init(
    _ arguments: [String], program: String = Binary.url.path, environment: [String: String] = [:], columns: UInt16 = 200
  ) throws {
    self.arguments = [program] + arguments
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (lock, number): (Int32, Int32) = (0, -1)
    guard master >= 0, ioctl(master, Self.setLock, &lock) == 0, ioctl(master, Self.getNumber, &number) == 0 else {
      throw ProcessFailure(description: "there is no pseudo-terminal: errno \(errno)")
    }
    let path = "/dev/pts/\(number)"
    var size = winsize(ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    guard let slave = FileHandle(forUpdatingAtPath: path) else {
      throw ProcessFailure(description: "cannot open the terminal \(path)")
    }
    // Makes the terminal the one that controls the program, and hands its exit code on.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
    process.arguments = ["--ctty", "--wait", program] + arguments
    process.environment = ["TERM": "xterm", "PATH": "/usr/local/bin:/usr/bin:/bin"].merging(environment) { $1 }
    try Spawning.inTurn {
      (process.standardInput, process.standardOutput, process.standardError) = (slave, slave, slave)
      try process.run()
    }
    try slave.close()
  }

  /// Types, as a person does.
  func type(_ text: String) throws {
    try FileHandle(fileDescriptor: master, closeOnDealloc: false).write(contentsOf: Data(text.utf8))
  }

  /// Waits until the terminal shows `text`; returns what it has shown since the last such call, up to its end.
  @discardableResult
  func read(until text: String) throws -> String {
    while true {
      if let range = unread.range(of: text) {
        defer { unread = String(unread[range.upperBound...]) }
        return String(unread[..<range.upperBound])
      }
      guard try readSome() else {
        throw ProcessFailure(description: "\(arguments) ended before it showed '\(text)':\n\(screen)")
      }
    }
  }

  /// Waits for the end; returns the exit code and what was shown since the last `read`.
  func wait() throws -> (status: Int32, rest: String) {
    while try readSome() {}
    process.waitUntilExit()
    return (process.terminationStatus, unread)
  }

  /// False once nobody has the terminal open any more.
  private func readSome() throws -> Bool {
    var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    let rest = deadline - ContinuousClock.now
    guard rest > .zero, poll(&entry, 1, Int32(clamping: rest.components.seconds * 1_000 + 1)) != 0 else {
      throw ProcessFailure(description: "\(arguments) hung; the terminal showed:\n\(screen)")
    }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = Glibc.read(master, &bytes, bytes.count)
    guard count > 0 else { return count < 0 && errno == EINTR }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    screen += text
    unread += text
    return true
  }

  deinit {
    // Hangs up: the program is sent SIGHUP.
    close(master)
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }
}
