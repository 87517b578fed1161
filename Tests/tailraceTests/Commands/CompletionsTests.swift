import Foundation
import TailraceTestSupport
import Testing

@testable import tailrace

/// Completions in real shells.
@Suite struct CompletionsTests {
  /// A directory with the tool under its name and the script of a shell.
  private func prepare(_ shell: String, as name: String) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    _ = try directory.file(name, try runTool(["completions", shell]).output)
    try FileManager.default.createSymbolicLink(
      atPath: directory.path + "/tailrace", withDestinationPath: Binary.url.path)
    return directory
  }

  /// What bash offers for the last of `words`.
  private func complete(_ words: [String], _ environment: [String: String] = [:]) throws -> Set<String> {
    let directory = try prepare("bash", as: "script")
    let script = """
      source "$1/script"; PATH=$1:$PATH; shift
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
      _tailrace tailrace "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2> /dev/null
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", script, "bash", directory.path] + words
    process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
    let output = try directory.file("output", "".utf8)
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardInput = FileHandle.nullDevice
    try Spawning.inTurn { try process.run() }
    process.waitUntilExit()
    let text = try String(contentsOfFile: output, encoding: .utf8)
    return Set(text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
  }

  @Test func `bash completes commands and flags`() throws {
    #expect(try complete(["tailrace", "con"]).isSuperset(of: ["config", "consume", "context"]))
    #expect(try complete(["tailrace", "topic", "delete", "--d"]) == ["--dry-run"])
    #expect(try complete(["tailrace", "topic", "list", "--output", ""]) == ["text", "json"])
  }

  @Test func `bash completes the names of topics, groups, settings, contexts and methods`() throws {
    let broker = try Broker()
    for name in ["orders", "orders.dead", "refunds"] { try broker.createTopic(name) }
    try broker.output(of: ["consume", "--group", "billing", "orders", "--exit-at-end"])
    let directory = try TemporaryDirectory()
    let environment = ["TAILRACE_SERVER": broker.address, "XDG_CONFIG_HOME": directory.path]
    for command in [["topic", "describe"], ["topic", "delete"], ["topic", "trim"], ["config", "get"]] {
      #expect(try complete(["tailrace"] + command + ["ord"], environment) == ["orders", "orders.dead"], "\(command)")
    }
    #expect(try complete(["tailrace", "group", "describe", ""], environment).contains("billing"))
    #expect(try complete(["tailrace", "group", "reset-offsets", "b"], environment) == ["billing"])
    #expect(
      try complete(["tailrace", "config", "unset", "orders", "retention_"], environment)
        == ["retention_bytes", "retention_ms"])
    #expect(try complete(["tailrace", "call", "LogService/F"]) == ["LogService/Fetch"])
    #expect(try complete(["tailrace", "rpc", "describe", "FetchR"]) == ["FetchRequest", "FetchResponse"])
    _ = try runTool(["context", "add", "prod", "--server", "h:1"], environment: environment)
    #expect(try complete(["tailrace", "context", "use", "p"], environment) == ["prod"])
    #expect(try complete(["tailrace", "topic", "list", "--context", "p"], environment) == ["prod"])
  }

  @Test func `bash completes what is typed most`() throws {
    let broker = try Broker()
    for name in ["orders", "orders.dead", "refunds"] { try broker.createTopic(name) }
    try broker.output(of: ["consume", "--group", "billing", "orders", "--exit-at-end"])
    let directory = try TemporaryDirectory()
    _ = try directory.file("input.txt", "".utf8)
    try FileManager.default.createDirectory(atPath: directory.path + "/inner", withIntermediateDirectories: true)
    let environment = ["TAILRACE_SERVER": broker.address, "XDG_CONFIG_HOME": directory.path]
    for command in [
      ["consume"], ["produce"], ["consume", "refunds"], ["group", "reset-offsets", "billing", "--topic"],
      ["--server", broker.address, "consume"],
    ] {
      #expect(try complete(["tailrace"] + command + ["ord"], environment) == ["orders", "orders.dead"], "\(command)")
    }
    #expect(try complete(["tailrace", "consume", "--group", "b"], environment) == ["billing"])
    let formats: Set = ["text", "nul", "raw", "hex", "length", "json"]
    #expect(try complete(["tailrace", "consume", "t", "--format", ""]) == formats)
    #expect(
      try complete(["tailrace", "produce", "t", "--format", ""]) == formats.subtracting(["raw"]).union(["whole"]))
    #expect(try complete(["tailrace", "serve", "--log-level", "w"]) == ["warning"])
    #expect(
      try complete(["tailrace", "topic", "create", "t", "--config", "retention_"])
        == ["retention_bytes=", "retention_ms="])
    #expect(try complete(["tailrace", "serve", "--topic-default", "dur"]) == ["durability="])
    let path = directory.path + "/in"
    for command in [["produce", "t", "--file"], ["produce", "t", "--proto"], ["log", "dump"]] {
      let found = try complete(["tailrace"] + command + [path])
      #expect(found == [path + "put.txt", path + "ner"], "\(command)")
    }
    for command in [["serve", "--data-dir"], ["log", "verify"]] {
      #expect(try complete(["tailrace"] + command + [path]) == [path + "ner"], "\(command)")
    }
    #expect(
      try complete(["tailrace", "call", "AdminService/Ping", "@\(path)"]) == ["@\(path)put.txt", "@\(path)ner"])
    _ = try runTool(["context", "add", "prod", "--server", "h:1"], environment: environment)
    for words in [["--context", ""], ["--context", "p"], ["--context", "x", "topic", "list", "--context", "p"]] {
      #expect(try complete(["tailrace"] + words, environment) == ["prod"])
    }
    #expect(try complete(["tailrace", "--context", "prod", "top"], environment) == ["topic"])
    #expect(try complete(["tailrace", "--s"]) == ["--server"])
  }

  @Test func `a broker that is away, or takes connections and says nothing, costs a second at most and no words`()
    async throws
  {
    #expect(try complete(["tailrace", "topic", "describe", "o"], ["TAILRACE_SERVER": "127.0.0.1:1"]).isEmpty)
    let silent = try await SilentServer.start()
    let start = Clock.monotonicMs()
    #expect(try complete(["tailrace", "topic", "describe", "o"], ["TAILRACE_SERVER": silent.address]).isEmpty)
    // 0.4 s for the connection; the rest is room for slow machines.
    #expect(Clock.monotonicMs() - start < 10_000)
    await silent.stop()
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/zsh")))
  func `zsh completes the names of topics`() throws {
    let broker = try Broker()
    try broker.createTopic("orders-of-today")
    let directory = try prepare("zsh", as: "_tailrace")
    let shell = try TerminalSession(
      ["-f", "-i"], program: "/usr/bin/zsh",
      environment: ["TAILRACE_SERVER": broker.address, "HOME": directory.path, "DIR": directory.path])
    try shell.type("PS1='ready> '; PATH=$DIR:$PATH; fpath=($DIR $fpath); autoload -Uz compinit; compinit -u -D\n")
    try shell.read(until: "ready> \u{1B}")
    try shell.type("tailrace topic describe ord\t")
    try shell.read(until: "ers-of-today")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/fish")))
  func `fish completes the names of topics`() throws {
    let broker = try Broker()
    try broker.createTopic("orders-of-today")
    let directory = try prepare("fish", as: "tailrace.fish")
    let shell = try TerminalSession(
      ["--no-config", "-i"], program: "/usr/bin/fish",
      environment: ["TAILRACE_SERVER": broker.address, "HOME": directory.path, "DIR": directory.path])
    try shell.type("function fish_prompt; echo 'ready> '; end; set PATH $DIR $PATH; source $DIR/tailrace.fish\n")
    try shell.read(until: "ready> ")
    try shell.type("tailrace topic describe ord\t")
    try shell.read(until: "ers-of-today")
  }
}
