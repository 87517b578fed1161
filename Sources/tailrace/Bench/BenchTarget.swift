import Foundation

/// A server under load: on IPv4, its process known where the benchmark started it.
struct BenchTarget {
  var host: String
  var port: UInt16
  /// 0 where it is somebody else's.
  var processID: Int32 = 0

  /// User and system time of the server so far; 0 where its process is not known.
  var cpuSeconds: Double {
    guard processID != 0, let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return 0 }
    // Fields 14 and 15 of proc(5), counted behind the command's name.
    let fields = text[end...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Resident memory of the server in bytes; 0 where its process is not known.
  var residentBytes: Int {
    guard processID != 0, let text = try? String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8),
      let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}

/// A process of this same program that serves for as long as it is wanted.
final class BenchProcess {
  private let process = Process()
  private let errors = Pipe()
  let target: BenchTarget

  /// Starts the program with `arguments` and waits until it says where it listens.
  init(_ arguments: [String]) throws {
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    guard let port = Self.port(announcedOn: errors.fileHandleForReading) else {
      process.terminate()
      throw BenchError(description: "'tailrace \(arguments.joined(separator: " "))' did not start")
    }
    target = BenchTarget(host: "127.0.0.1", port: port, processID: process.processIdentifier)
    // Nobody reads on: what the server logs must not block it.
    errors.fileHandleForReading.readabilityHandler = { handle in
      if handle.availableData.isEmpty { handle.readabilityHandler = nil }
    }
  }

  /// Ends the process and waits for that.
  func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  deinit { stop() }

  private static func port(announcedOn handle: FileHandle) -> UInt16? {
    var text = ""
    while true {
      let data = handle.availableData
      guard !data.isEmpty else { return nil }
      text += String(decoding: data, as: UTF8.self)
      for line in text.split(separator: "\n") where line.contains("listening on ") && text.hasSuffix("\n") {
        if let port = line.split(separator: ":").last.flatMap({ UInt16($0) }) { return port }
      }
    }
  }
}
