import Foundation
import Synchronization

/// Kills a process that runs for longer than any test should take, beside hundreds of others on a machine of two cores.
final class Watchdog: Sendable {
  /// What the process did when it was killed.
  private let lastSeen = Mutex<String?>(nil)
  private let timer: KeptTimer

  /// @unchecked Sendable: only kept and, thread-safe as Dispatch sources are, cancelled.
  private struct KeptTimer: @unchecked Sendable {
    let source: any DispatchSourceTimer
  }

  init(_ process: Process, seconds: Int = 600) {
    let source = DispatchSource.makeTimerSource(queue: .global())
    timer = KeptTimer(source: source)
    let id = process.processIdentifier
    source.setEventHandler { [weak self] in
      self?.lastSeen.withLock { $0 = Self.threads(of: id) }
      _ = Glibc.kill(id, SIGKILL)
    }
    source.schedule(deadline: .now() + .seconds(seconds))
    source.resume()
  }

  /// Throws where the process had to be killed.
  func check(_ arguments: [String]) throws {
    timer.source.cancel()
    guard let threads = lastSeen.withLock({ $0 }) else { return }
    throw ProcessFailure(description: "'\(arguments.joined(separator: " "))' hung\n\(threads)")
  }

  /// A line for each thread: its name, its state, where in the kernel it waits, and its signals.
  private static func threads(of id: Int32) -> String {
    let tasks = "/proc/\(id)/task"
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
    return threads.map { thread in
      func text(_ file: String) -> String {
        (try? String(contentsOfFile: "\(tasks)/\(thread)/\(file)", encoding: .utf8)) ?? "?"
      }
      let status = text("status").split(separator: "\n").filter { line in
        ["Name", "State", "SigPnd", "ShdPnd", "SigBlk"].contains { line.hasPrefix($0) }
      }
      return "\(status.joined(separator: " ")) in \(text("wchan"))"
    }.joined(separator: "\n")
  }

  deinit { timer.source.cancel() }
}

/// A process of the tool that is talked to while it runs.
final class LiveProcess {
  private let process = Process()
  private let input: Pipe
  private let output: Pipe
  private let errors: Pipe
  private let arguments: [String]
  private let watchdog: Watchdog
  private var unread: [ObjectIdentifier: Data] = [:]

  init(_ arguments: [String], executable: URL = Binary.url) throws {
    self.arguments = arguments
    process.executableURL = executable
    process.arguments = arguments
    process.environment = [:]
    (input, output, errors) = try Spawning.inTurn { [process] in
      let pipes = (Pipe(), Pipe(), Pipe())
      (process.standardInput, process.standardOutput, process.standardError) = pipes
      try process.run()
      return pipes
    }
    watchdog = Watchdog(process)
  }

  var id: Int32 { process.processIdentifier }

  func write(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

  func closeInput() throws { try input.fileHandleForWriting.close() }

  /// Stops to read what the process prints.
  func closeOutput() throws { try output.fileHandleForReading.close() }

  /// The next line of its output, waiting for it.
  func readLine() throws -> String { try readLine(from: output.fileHandleForReading) }

  /// The next line of its output, if it has printed one by now.
  func readLineIfThere() throws -> String? {
    let handle = output.fileHandleForReading
    if unread[ObjectIdentifier(handle)]?.contains(0x0A) != true {
      var entry = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 0) == 1 else { return nil }
    }
    return try readLine(from: handle)
  }

  /// The next line of what it prints to standard error, waiting for it.
  func readErrorLine() throws -> String { try readLine(from: errors.fileHandleForReading) }

  func send(_ signal: Int32) { _ = Glibc.kill(process.processIdentifier, signal) }

  func kill() {
    guard process.isRunning else { return }
    send(SIGKILL)
    process.waitUntilExit()
  }

  /// Waits for its end; returns the exit code and what was not read yet of both streams.
  func wait() throws -> Outcome {
    let rest = try output.fileHandleForReading.readToEnd() ?? Data()
    let errorRest = try errors.fileHandleForReading.readToEnd() ?? Data()
    return try outcome(rest, errorRest)
  }

  /// As `wait`, after `closeOutput`.
  func waitWithoutOutput() throws -> Outcome {
    try outcome(Data(), try errors.fileHandleForReading.readToEnd() ?? Data())
  }

  private func outcome(_ output: Data, _ errors: Data) throws -> Outcome {
    process.waitUntilExit()
    try watchdog.check(arguments)
    let outputBefore = unread[ObjectIdentifier(self.output.fileHandleForReading)] ?? Data()
    let errorsBefore = unread[ObjectIdentifier(self.errors.fileHandleForReading)] ?? Data()
    return Outcome(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: Array(outputBefore + output), errors: String(decoding: errorsBefore + errors, as: UTF8.self))
  }

  private func readLine(from handle: FileHandle) throws -> String {
    let id = ObjectIdentifier(handle)
    var searched = 0
    while true {
      let data = unread[id] ?? Data()
      if let end = Self.lineEnd(in: data, from: searched) {
        unread[id] = Data(data[(end + 1)...])
        return String(decoding: data[..<end], as: UTF8.self)
      }
      searched = data.count
      let more = handle.availableData
      guard !more.isEmpty else {
        try watchdog.check(arguments)
        throw ProcessFailure(description: "'\(arguments.joined(separator: " "))' ended before it printed a line")
      }
      unread[id, default: Data()].append(more)
    }
  }

  /// Where the first line ends that does so at `start` or behind it; `data` begins at 0. A search of Swift's own takes
  /// seconds for a long line in a debug build, and all other tests' turns.
  private static func lineEnd(in data: Data, from start: Int) -> Int? {
    data.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, start < bytes.count,
        let found = memchr(base + start, 0x0A, bytes.count - start)
      else { return nil }
      return UnsafeRawPointer(found) - base
    }
  }

  deinit { kill() }
}
