import Foundation
import TailraceClient
import Testing

@testable import tailrace

@Suite struct ContextCommandTests {
  private let home: TemporaryDirectory

  init() throws { home = try TemporaryDirectory() }

  private var path: String { home.path + "/config/tailrace/contexts.json" }

  private func run(_ arguments: [String], _ more: [String: String] = [:]) throws -> Outcome {
    try runTool(arguments, environment: ["XDG_CONFIG_HOME": home.path + "/config"].merging(more) { $1 })
  }

  private func write(_ text: String) throws {
    try FileManager.default.createDirectory(atPath: home.path + "/config/tailrace", withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  @Test func `contexts are added, used, listed, shown and removed`() throws {
    #expect(try run(["context", "list"]).lines == ["CONTEXT  SERVER"])
    #expect(try run(["context", "add", "b", "--server", "b.example:2"]).text == "added context 'b'\n")
    #expect(
      try run(["context", "add", "a", "--server", "[::1]:1", "--use"]).text
        == "added context 'a'; it is in use now\n")
    #expect(
      try run(["context", "list"]).lines == ["   CONTEXT  SERVER", "*  a        [::1]:1", "   b        b.example:2"])
    #expect(try run(["context", "use", "b"]).text == "context 'b' is in use now\n")
    #expect(
      try run(["context", "list", "--output", "json"]).lines == [
        #"{"name":"a","server":"[::1]:1","current":false}"#, #"{"name":"b","server":"b.example:2","current":true}"#,
      ])
    #expect(
      try run(["context", "show"]).lines == ["server:  b.example:2", "context: b", "source:  the context in use"])
    #expect(
      try run(["context", "show", "a", "-o", "json"]).lines
        == [#"{"context":"a","server":"[::1]:1","source":"flag"}"#])
    #expect(
      try run(["context", "show", "-o", "json"], ["TAILRACE_CONTEXT": "a"]).lines
        == [#"{"context":"a","server":"[::1]:1","source":"environment"}"#])
    #expect(try run(["context", "remove", "b"]).text == "removed context 'b'; none is in use now\n")
    #expect(try run(["context", "show", "-o", "json"]).text.contains(#""source":"default""#))
  }

  @Test func `commands talk to the broker of the context`() throws {
    let broker = try Broker()
    try broker.createTopic("mine")
    _ = try run(["context", "add", "here", "--server", broker.address, "--use"])
    _ = try run(["context", "add", "gone", "--server", "127.0.0.1:1"])
    #expect(try run(["topic", "list"]).text.contains("mine"))
    let gone = try run(["--context", "gone", "topic", "list"])
    #expect(gone.status == 22)
    #expect(gone.errors.contains("(context 'gone')"), "\(gone.errors)")
    #expect(try run(["topic", "list"], ["TAILRACE_CONTEXT": "gone"]).status == 22)
    #expect(try run(["topic", "list"], ["TAILRACE_CONTEXT": "gone", "TAILRACE_SERVER": broker.address]).status == 0)
    #expect(try run(["topic", "list", "--context", "here"], ["TAILRACE_SERVER": "127.0.0.1:1"]).status == 0)
  }

  @Test func `what is not there, or there already, is told with what to do`() throws {
    _ = try run(["context", "add", "a", "--server", "h:1"])
    let again = try run(["context", "add", "a", "--server", "h:2"])
    #expect(again.status == 14)
    #expect(again.errors.contains("tailrace context remove a"))
    for arguments in [
      ["context", "use", "x"], ["context", "remove", "x"], ["context", "show", "x"],
      ["topic", "list", "--context", "x"],
    ] {
      let outcome = try run(arguments)
      #expect(outcome.status == 13, "\(arguments)")
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("there is no context 'x'"))
    }
  }

  @Test func `the file is its owner's alone, replaced whole, and nothing else is left beside it`() throws {
    for name in ["a", "b"] { _ = try run(["context", "add", name, "--server", "h:1"]) }
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect((attributes[.posixPermissions] as? Int) == 0o600)
    let directory = (path as NSString).deletingLastPathComponent
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["contexts.json"])
    #expect((try FileManager.default.attributesOfItem(atPath: directory)[.posixPermissions] as? Int) == 0o700)
    let node = attributes[.systemFileNumber] as? Int
    try Data("left over".utf8).write(to: URL(fileURLWithPath: path + ".new"))
    _ = try run(["context", "use", "a"])
    #expect((try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int) != node)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["contexts.json"])
  }

  @Test func `a change waits for one that is under way, and does not undo it`() throws {
    let environment = ["XDG_CONFIG_HOME": home.path + "/config"]
    let store = try #require(ContextStore(environment: environment))
    let server = try #require(ServerAddress("h:1"))
    let process = Process()
    process.executableURL = Binary.url
    process.arguments = ["context", "add", "second", "--server", "h:2"]
    process.environment = environment
    process.standardOutput = FileHandle.nullDevice
    try store.update { contexts in
      _ = contexts.add(Context(name: "first", server: server))
      let isRunning = (try? Spawning.inTurn { try process.run() }) != nil
      while isRunning && process.isRunning && !isWaitingForLock(process.processIdentifier) { sched_yield() }
      #expect(isRunning && process.isRunning)
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(
      try run(["context", "list"]).lines.dropFirst().map { $0.trimmingCharacters(in: .whitespaces) } == [
        "first    h:1", "second   h:2",
      ])
  }

  /// Source: proc_locks(5); who waits stands behind an arrow.
  private func isWaitingForLock(_ process: Int32) -> Bool {
    let locks = (try? String(contentsOfFile: "/proc/locks", encoding: .utf8)) ?? ""
    return locks.split(separator: "\n").contains { line in
      let words = line.split(separator: " ")
      return words.contains("->") && words.contains("FLOCK") && words.contains(Substring("\(process)"))
    }
  }

  @Test(
    arguments: [
      ("", "not a JSON text"), ("{}", "version is missing"), (#"{"version":2,"x":1}"#, "version 2 is not known"),
      (#"{"version":1}"#, "contexts is missing"), (#"{"version":1,"contexts":[],"tls":1}"#, "tls is not known"),
      (#"{"version":1,"contexts":[{"name":"a"}]}"#, "contexts[0].server is missing"),
      (#"{"version":1,"contexts":[{"name":"a b","server":"h:1"}]}"#, "contexts[0].name is missing, or no name"),
      (#"{"version":1,"contexts":[{"name":"a","server":"h:1","k":1}]}"#, "contexts[0].k is not known"),
      (
        #"{"version":1,"contexts":[{"name":"a","server":"h:1"},{"name":"a","server":"h:1"}]}"#,
        "contexts[1] has the name of another"
      ), (#"{"version":1,"current":"a","contexts":[]}"#, "current is none of the contexts"),
      (#"[]"#, "the file is no object"),
    ])
  func `a damaged file is told with its place, is left as it is, and does not matter where a server is given`(
    text: String, reason: String
  ) throws {
    try write(text)
    for arguments in [["topic", "list"], ["context", "list"], ["context", "add", "n", "--server", "h:1"]] {
      let outcome = try run(arguments)
      #expect(outcome.status == 64, "\(outcome.errors)")
      #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
      #expect(outcome.errors.contains(path) && outcome.errors.contains(reason), "\(outcome.errors)")
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    #expect(try run(["topic", "list", "--server", "127.0.0.1:1"]).status == 22)
    #expect(try run(["topic", "list"], ["TAILRACE_SERVER": "127.0.0.1:1"]).status == 22)
  }

  @Test func `a file that is too long, or a directory, is told`() throws {
    try write(String(repeating: " ", count: 2 << 20))
    #expect(try run(["context", "list"]).errors.contains("longer than 1048576 bytes"))
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let outcome = try run(["context", "list"])
    #expect(outcome.status == 10)
    #expect(outcome.errors.contains("cannot read the contexts in '\(path)'"), "\(outcome.errors)")
  }

  @Test func `without a home there are no contexts, and none can be added`() throws {
    #expect(try runTool(["context", "show", "-o", "json"]).text.contains(#""source":"default""#))
    let outcome = try runTool(["context", "add", "a", "--server", "h:1"], environment: ["XDG_CONFIG_HOME": "relative"])
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("set HOME, or XDG_CONFIG_HOME"))
    #expect(try runTool(["context", "add", "a", "--server", "h:1"], environment: ["HOME": home.path]).status == 0)
    #expect(FileManager.default.fileExists(atPath: home.path + "/.config/tailrace/contexts.json"))
  }

  @Test func `a directory that cannot be made is told`() throws {
    _ = try home.file("file", "".utf8)
    let outcome = try runTool(
      ["context", "add", "a", "--server", "h:1"], environment: ["XDG_CONFIG_HOME": home.path + "/file"])
    #expect(outcome.status == 10)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
  }
}
