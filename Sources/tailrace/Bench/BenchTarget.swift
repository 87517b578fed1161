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

/// A server for as long as a benchmark wants it.
final class BenchProcess {
  private let server: ChildServer

  var target: BenchTarget {
    BenchTarget(host: "127.0.0.1", port: server.port, processID: server.process.processIdentifier)
  }

  /// Starts the program with `arguments` and waits until it says where it listens.
  init(_ arguments: [String]) throws {
    guard let server = try ChildServer(arguments) else {
      throw BenchError(description: "'tailrace \(arguments.joined(separator: " "))' did not start")
    }
    self.server = server
  }

  /// Ends the process and waits for that.
  func stop() {
    guard server.process.isRunning else { return }
    server.process.terminate()
    server.process.waitUntilExit()
  }

  deinit { stop() }
}
