import Foundation

/// The executable that these tests run: beside the test bundle, or where TAILRACE_BINARY says.
enum Binary {
  static let url: URL = {
    if let path = ProcessInfo.processInfo.environment["TAILRACE_BINARY"], !path.isEmpty {
      return URL(fileURLWithPath: path)
    }
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("tailrace")
  }()
}

/// What these tests fail with when a process does not do what it has to.
struct ProcessFailure: Error, CustomStringConvertible {
  let description: String
}

/// A directory of its own for a test, removed with it.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/tailrace-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    return path + "/" + name
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A broker in a process of its own, on a free port and a temporary directory.
final class Broker {
  let directory: TemporaryDirectory
  let address: String
  private let flags: [String]
  private var process: LiveProcess

  /// `flags`: more of `serve`.
  init(_ flags: [String] = []) throws {
    self.flags = flags
    directory = try TemporaryDirectory()
    (process, address) = try Self.serve(directory, "127.0.0.1:0", flags)
  }

  /// Starts it again, at the same address, after `kill`.
  func restart() throws { (process, _) = try Self.serve(directory, address, flags) }

  private static func serve(
    _ directory: TemporaryDirectory, _ address: String, _ flags: [String]
  ) throws -> (LiveProcess, String) {
    let process = try LiveProcess(
      ["serve", "--data-dir", directory.path + "/data", "--listen", address, "--log-level", "error"] + flags)
    let marker = "listening on "
    while true {
      let line = try process.readErrorLine()
      if let start = line.range(of: marker) { return (process, String(line[start.upperBound...])) }
    }
  }

  /// Runs a command against this broker to its end.
  func run(
    _ arguments: [String], input: some Sequence<UInt8> = EmptyCollection(), outputPath: String? = nil
  ) throws -> Outcome {
    try runTool(arguments + ["--server", address], input: Array(input), outputPath: outputPath)
  }

  /// Runs a command that has to succeed, and returns what it printed.
  @discardableResult
  func output(of arguments: [String], input: some Sequence<UInt8> = EmptyCollection()) throws -> String {
    let outcome = try run(arguments, input: input)
    guard outcome.status == 0 else {
      throw ProcessFailure(description: "\(arguments) exited with \(outcome.status): \(outcome.errors)")
    }
    return outcome.text
  }

  /// Starts a command against this broker.
  func start(_ arguments: [String]) throws -> LiveProcess {
    try LiveProcess(arguments + ["--server", address])
  }

  /// Creates a topic whose appends do not wait for the disk.
  func createTopic(_ name: String, partitions: Int = 1, config: [String] = []) throws {
    try output(
      of: ["topic", "create", name, "--partitions", "\(partitions)", "--config", "durability=os"]
        + config.flatMap { ["--config", $0] })
  }

  var dataDirectory: String { directory.path + "/data" }

  /// Paths of a topic's segments that are not empty, sorted.
  func segmentPaths(of topic: String) throws -> [String] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: dataDirectory).sorted()
    return names.filter { $0.hasPrefix("topics/\(topic)@") && $0.hasSuffix(".log") }.map { dataDirectory + "/" + $0 }
      .filter { (try? FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int) ?? 0 > 0 }
  }

  /// Stops the broker in order.
  func stop() throws {
    process.send(SIGTERM)
    let outcome = try process.wait()
    guard outcome.status == 0 else {
      throw ProcessFailure(description: "the broker exited with \(outcome.status): \(outcome.errors)")
    }
  }

  /// Ends the broker's process at once, as a crash would.
  func kill() { process.kill() }

  deinit { process.kill() }
}

/// How a command ended.
struct Outcome {
  let status: Int32
  let output: [UInt8]
  let errors: String

  var text: String { String(decoding: output, as: UTF8.self) }
  var lines: [String] { text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }
  var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
}

/// Runs the tool to its end; its environment has nothing that it reads but `environment`.
///
/// `outputPath`: where its output goes; it is not returned then.
func runTool(
  _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:], outputPath: String? = nil
) throws -> Outcome {
  let directory = try TemporaryDirectory()
  let process = Process()
  process.executableURL = Binary.url
  process.arguments = arguments
  process.environment = environment
  process.standardInput = FileHandle(forReadingAtPath: try directory.file("input", input))
  let output = try directory.file("output", [])
  let errors = try directory.file("errors", [])
  process.standardOutput = FileHandle(forWritingAtPath: outputPath ?? output)
  process.standardError = FileHandle(forWritingAtPath: errors)
  let watchdog = try Spawning.inTurn {
    try process.run()
    return Watchdog(process)
  }
  process.waitUntilExit()
  try watchdog.check(arguments)
  return Outcome(
    status: process.terminationStatus, output: Array(try Data(contentsOf: URL(fileURLWithPath: output))),
    errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: errors)), as: UTF8.self))
}
