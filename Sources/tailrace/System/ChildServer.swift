import Foundation

/// A process of this same program that serves on a port of its own choosing.
final class ChildServer {
  /// Its state may be asked for at any time; it is to be ended by its owner.
  let process = Process()
  let port: UInt16
  private let errors = Pipe()

  /// Starts the program with `arguments` and waits until it says where it listens; nil where it does not. What it writes
  /// to standard error goes to `onLog`, from then on or where it never listens. `onStart` is called with the process's
  /// id before the waiting.
  init?(
    _ arguments: [String], onStart: (Int32) -> Void = { _ in }, onLog: @escaping @Sendable (Data) -> Void = { _ in }
  ) throws {
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    onStart(process.processIdentifier)
    guard let port = Self.announcedPort(errors.fileHandleForReading, onSilence: onLog) else {
      process.terminate()
      return nil
    }
    self.port = port
    // Read to the end, or what it logs would block it.
    errors.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil } else { onLog(data) }
    }
  }

  deinit { if process.isRunning { process.terminate() } }

  private static func announcedPort(_ handle: FileHandle, onSilence: (Data) -> Void) -> UInt16? {
    var text = ""
    while true {
      let data = handle.availableData
      guard !data.isEmpty else {
        onSilence(Data(text.utf8))
        return nil
      }
      text += String(decoding: data, as: UTF8.self)
      for line in text.split(separator: "\n") where line.contains("listening on ") && text.hasSuffix("\n") {
        if let port = line.split(separator: ":").last.flatMap({ UInt16($0) }) { return port }
      }
    }
  }
}
