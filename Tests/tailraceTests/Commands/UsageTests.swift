import Foundation
import Testing

@testable import tailrace

@Suite struct UsageTests {
  @Test func `a command that no help shows is one nevertheless`() throws {
    for words in [["bench-reference", "echo", "--threads", "x"], ["bench-reference", "file"]] {
      let outcome = try runTool(words)
      #expect(outcome.status == 64)
      #expect(!outcome.errors.contains("there is no command"), "\(outcome.errors)")
    }
  }

  @Test(arguments: [
    ["nonsense"], ["topic", "create"], ["topic", "create", "a", "--partitions", "0"],
    ["topic", "create", "a", "--partitions", "x"], ["topic", "create", "a", "--config", "novalue"],
    ["topic", "create", "a", "--config", "=v"], ["topic", "add-partitions", "a"],
    ["config", "get"], ["config", "get", "a", "--output", "xml"], ["config", "set", "a"],
    ["config", "set", "a", "novalue"], ["config", "set", "a", "=v"], ["config", "unset", "a"], ["config", "unset"],
    ["topic", "delete"], ["topic", "delete", "a"], ["group", "delete", "g"],
    ["topic", "trim", "a", "--partition", "0", "--before", "end"], ["group", "reset-offsets", "g", "--to", "end"],
    ["topic", "list", "--server", "a:1", "--context", "b"], ["topic", "list", "-o", "yaml"],
    ["context", "add", "a"], ["context", "add", "a", "--server", "nonsense"],
    ["context", "add", "a b", "--server", "h:1"], ["context", "add", "-a", "--server", "h:1"],
    ["context", "list"], ["context", "show", "a", "--server", "h:1"], ["context", "use"], ["context", "remove"],
    ["rpc", "list", "NoService"], ["rpc", "describe"], ["rpc", "describe", "Nothing"],
    ["rpc", "encode"], ["rpc", "encode", "Nothing", "{}"], ["rpc", "encode", "LogService", "{}"],
    ["rpc", "encode", "PingRequest", "{"], ["rpc", "encode", "PingRequest", #"{"x":1}"#],
    ["rpc", "encode", "PingRequest", "{} {}", "--binary"], ["rpc", "decode", "PingRequest", "?"],
    ["rpc", "decode", "PingRequest", "CgM="], ["rpc", "decode", "PingRequest", "@/nonexistent/file"],
    ["completions"], ["completions", "csh"], ["man", "nothing"], ["man", "topic", "--directory", "x"],
    ["call", "AdminService/Ping", "--header", "novalue"], ["call", "AdminService/Ping", "--header", "Upper=1"],
    ["call", "AdminService/Ping", "--header", "=1"], ["call", "AdminService/ListTopics", ""],
    ["topic", "trim", "a"], ["topic", "trim", "a", "--partition", "0"],
    ["topic", "trim", "a", "--partition", "0", "--before", "start"],
    ["topic", "trim", "a", "--partition", "0", "--before", "-1"],
    ["serve", "--topic-default", "novalue"], ["serve", "--topic-default", "colour=red"],
    ["topic", "list", "--server", "nonsense"],
    ["topic", "list", "--server", "host:0"], ["produce"], ["produce", "a", "--acks", "all"],
    ["produce", "a", "--partition", "-1"], ["produce", "a", "--key-regex", "("],
    ["produce", "a", "--key-regex", "a", "--key-separator", "b"], ["produce", "a", "--key-separator", ""],
    ["produce", "a", "--format", "json", "--key-separator", ","], ["produce", "a", "--format", "xml"],
    ["produce", "a", "--file", "/nonexistent/file"], ["consume"], ["consume", "a", "--from", "yesterday"],
    ["consume", "a", "--from=-1"], ["consume", "a", "--max", "0"], ["consume", "a", "--partition", "x"],
    ["consume", "a", "--format", "xml"], ["consume", "a", "--topic-pattern", "x"],
    ["produce", "a", "--key-field", "a..b"], ["produce", "a", "--key-field", "a", "--key-regex", "b"],
    ["produce", "a", "--header", "x"], ["produce", "a", "--header", "=x"], ["produce", "a", "--rate", "0"],
    ["produce", "a", "--rate", "nan"], ["produce", "a", "--compression", "rar"], ["produce", "a", "--keys"],
    ["produce", "a", "--on-error", "hope"], ["produce", "a", "--format", "hex", "--key-regex", "x"],
    ["produce", "a", "--format", "length", "--keys", "--key-separator", "x"],
    ["produce", "a", "--file", "/dev/null", "--file", "/nonexistent/file"],
    ["consume", "a", "--to", "beginning"], ["consume", "a", "--to", "last 5"], ["consume", "a", "--from", "last 0"],
    ["consume", "a", "--partition", "3-1"], ["consume", "a", "--format", "%q"], ["consume", "a", "--format", "%"],
    ["consume", "a", "--grep", "("], ["consume", "a", "--header", "=x"], ["consume", "a", "--keys"],
    ["consume", "a", "--format", "json", "--key-separator", "x"], ["consume", "a", "--color", "pink"],
    ["consume", "a", "--proto", "x.proto"], ["consume", "a", "--type", "x"], ["consume", "a", "--proto-path", "x"],
    ["consume", "a", "--proto", "/nonexistent.proto", "--type", "x"],
    ["consume", "a", "--proto", "/nonexistent.set", "--type", "x"],
    ["consume", "--group", "g", "a", "--to", "end"], ["consume", "--group", "g", "a", "--count"],
    ["consume", "--group", "g", "a", "--from", "last 5"], ["consume", "--group", "g"], ["consume", "--group", "", "a"],
    ["consume", "a", "--instance-id", "i"],
    ["consume", "--group", "g", "a", "--topic-pattern", "x"], ["consume", "--group", "g", "a", "--partition", "0"],
    ["consume", "--group", "g", "a", "--from", "7"], ["consume", "--group", "g", "a", "--assignor", "fair"],
    ["consume", "--group", "g", "a", "--session-timeout", "0.9"],
    ["consume", "--group", "g", "a", "--session-timeout", "1801"],
    ["consume", "--group", "g", "a", "--rebalance-timeout", "nan"],
    ["consume", "--group", "g", "a", "--commit-interval", "0"], ["consume", "a", "--commit-interval", "1"],
    ["group", "describe"], ["group", "describe", "g", "--interval", "1"], ["group", "delete"],
    ["group", "describe", "g", "--watch", "--interval", "0"], ["group", "list", "--output", "xml"],
    ["group", "reset-offsets", "g"], ["group", "reset-offsets", "--to", "end"],
    ["group", "reset-offsets", "g", "--to", "end", "--shift-by", "1"],
    ["group", "reset-offsets", "g", "--to", "yesterday"], ["group", "reset-offsets", "g", "--shift-by", "x"],
    ["group", "reset-offsets", "g", "--to", "end", "--topic", "t:"],
    ["group", "reset-offsets", "g", "--to", "end", "--topic", "t:1-"], ["call"], ["call", "NoService/NoMethod"],
    ["call", "AdminService/ListTopics", "{"],
    ["call", "AdminService/ListTopics", #"{"nofield":1}"#], ["call", "AdminService/ListTopics", "@/nonexistent/file"],
    ["call", "AdminService/ListTopics", "--timeout", "0"], ["call", "AdminService/ListTopics", "--timeout", "inf"],
    ["call", "AdminService/ListTopics", "--timeout", "nan"], ["call", "LogService/Subscribe", "["],
    ["bench", "produce", "--acks", "none"], ["bench", "produce", "--record-size", "-1"],
    ["bench", "produce", "--records-per-batch", "-1"],
    ["bench", "produce", "--connections", "1000", "--depth", "1000"], ["bench", "latency", "--rate", "0"],
    ["bench", "latency", "--rate", "nan"], ["bench", "latency", "--rate", "1000000", "--seconds", "600"],
    ["bench", "latency", "--depth", "0"], ["bench", "end-to-end", "--record-size", "7"],
    ["bench", "end-to-end", "--rate", "100000", "--seconds", "30", "--record-size", "65536"],
  ])
  func `a command line that makes no sense exits with 64, broker or not`(arguments: [String]) throws {
    let outcome = try runTool(arguments, environment: ["TAILRACE_SERVER": "127.0.0.1:1"])
    #expect(outcome.status == 64, "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("tailrace: "), "\(outcome.errors)")
  }

  @Test func `--server may stand before the subcommand`() throws {
    for arguments in [["--server", "127.0.0.1:1"], ["--server=127.0.0.1:1"]] {
      let outcome = try runTool(arguments + ["topic", "list"])
      #expect(outcome.status == 22)
      #expect(outcome.errors.hasPrefix("tailrace: cannot connect to 127.0.0.1:1"), "\(outcome.errors)")
    }
  }

  @Test func `the option beside the command counts, not the one before it`() throws {
    for arguments in [
      ["--server", "127.0.0.1:1", "topic", "delete", "t", "--yes", "--server", "127.0.0.1:2"],
      ["--server=127.0.0.1:1", "topic", "list", "--server=127.0.0.1:2"],
      ["--server", "127.0.0.1:1", "--server", "127.0.0.1:2", "topic", "list"],
      ["--server", "127.0.0.1:1", "produce", "--server", "127.0.0.1:2", "t"],
    ] {
      let outcome = try runTool(arguments)
      #expect(outcome.status == 22)
      #expect(outcome.errors.hasPrefix("tailrace: cannot connect to 127.0.0.1:2"), "\(outcome.errors)")
    }
    for arguments in [
      ["--server", "127.0.0.1:1", "topic", "list", "--context", "x"],
      ["--server", "127.0.0.1:1", "--context", "x", "topic", "list"],
    ] {
      let outcome = try runTool(arguments)
      #expect(outcome.status == 64)
      #expect(outcome.errors.hasPrefix("tailrace: give one of --server and --context"), "\(outcome.errors)")
    }
  }

  @Test(arguments: [[], ["rpc", "list"], ["completions", "bash"], ["topic"], ["man"]])
  func `--server before a command that talks to no broker does no harm`(command: [String]) throws {
    let outcome = try runTool(["--server", "127.0.0.1:1", "--context", "x"] + command)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.text == (try runTool(command).text))
  }

  @Test(arguments: [
    (["consum", "x"], "there is no command 'consum'; did you mean 'consume'?"),
    (["topic", "creat", "x"], "there is no command 'topic creat'; did you mean 'topic create'?"),
    (["nonsense"], "there is no command 'nonsense'; see 'tailrace --help'"),
  ])
  func `a command that is not there is told, with the one that may be meant`(arguments: [String], text: String) throws {
    let outcome = try runTool(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors == "tailrace: \(text)\n")
  }

  /// Exit code and errors of a command whose standard stream is closed.
  private func run(_ arguments: [String], redirection: String, _ address: String) throws -> Outcome {
    let shell = try LiveProcess(
      ["-c", "\"$@\" \(redirection)", "sh", Binary.url.path] + arguments + ["--server", address],
      executable: URL(fileURLWithPath: "/bin/sh"))
    try shell.closeInput()
    return try shell.wait()
  }

  @Test func `a closed output is a failure, and commits nothing; a closed input too`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    try broker.output(of: ["produce", "t"], input: "a\nb\n".utf8)
    for arguments in [["consume", "t", "--exit-at-end"], ["consume", "t", "--group", "g", "--exit-at-end"]] {
      let outcome = try run(arguments, redirection: ">&-", broker.address)
      #expect(outcome.status == 10)
      #expect(outcome.errors.hasPrefix("tailrace: cannot write the output: "), "\(outcome.errors)")
    }
    #expect(try broker.run(["consume", "t", "--group", "g", "--exit-at-end"]).lines == ["a", "b"])
    let outcome = try run(["produce", "t"], redirection: "<&-", broker.address)
    #expect(outcome.status == 10)
    #expect(outcome.errors.hasPrefix("tailrace: cannot read the input: "), "\(outcome.errors)")
  }

  @Test(arguments: [
    (["consume", "a", "--max", "-1"], "--max is -1; it is at least 1"),
    (["serve", "--idle-seconds", "-1"], "--idle-seconds is -1; 1 to 86400 are allowed"),
    (
      ["serve", "--topic-default", "retention_ms=0"],
      "--topic-default: configuration: retention_ms is '0'; it may be 1 to 3153600000000, or -1 for none"
    ),
    (["bench", "produce", "--records-per-batch", "-1"], "--records-per-batch is -1; it is 0 to 1000000"),
    (["produce", "a", "--partition", "-1"], "The value '-1' is invalid for '--partition <partition>'"),
    (["consume", "a", "--from", "-1"], "The value '-1' is invalid for '--from <position>'"),
  ])
  func `a negative number is a value, and is told what it should be`(arguments: [String], text: String) throws {
    let outcome = try runTool(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix("tailrace: " + text), "\(outcome.errors)")
  }

  @Test func `a usage error says where to read on`() throws {
    let outcome = try runTool(["topic", "create", "a", "--partitions", "0"])
    #expect(outcome.errors.hasSuffix("; see 'tailrace topic create --help'\n"), "\(outcome.errors)")
  }

  @Test(arguments: [[], ["topic", "list"]])
  func `the release is told, whatever the command`(command: [String]) throws {
    #expect(try runTool(command + ["--version"]).text == Version.current + "\n")
  }

  @Test func `a bad address in the environment is a usage error that names the variable`() throws {
    let outcome = try runTool(["topic", "list"], environment: ["TAILRACE_SERVER": "nonsense"])
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("TAILRACE_SERVER is 'nonsense'"))
  }

  @Test func `a bad format in the environment is a usage error that names the variable`() throws {
    let outcome = try runTool(["rpc", "list"], environment: ["TAILRACE_OUTPUT": "yaml"])
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("TAILRACE_OUTPUT is 'yaml'; it may be text or json"))
  }

  @Test(arguments: [
    ["topic", "list"], ["topic", "create", "a"], ["topic", "describe", "a"], ["topic", "delete", "a", "--yes"],
    ["topic", "delete", "a", "--dry-run"], ["topic", "add-partitions", "a", "--partitions", "2"],
    ["config", "get", "a"],
    ["config", "set", "a", "b=c"], ["config", "unset", "a", "b"], ["cluster", "describe"],
    ["topic", "trim", "a", "--partition", "0", "--before", "end", "--yes"], ["produce", "a"], ["consume", "a"],
    ["consume", "--group", "g", "a"], ["consume", "--group", "g", "--topic-pattern", "a"], ["group", "list"],
    ["group", "describe", "g"], ["group", "describe", "g", "--watch"], ["group", "delete", "g", "-y"],
    ["group", "reset-offsets", "g", "--shift-by", "-1", "--yes"],
    ["call", "AdminService/Ping"],
  ])
  func `without a broker every command exits with 22 and says what to do`(arguments: [String]) throws {
    let outcome = try runTool(arguments + ["--server", "127.0.0.1:1"])
    #expect(outcome.status == 22)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("tailrace: cannot connect to 127.0.0.1:1"), "\(outcome.errors)")
    #expect(outcome.errors.contains("tailrace serve"))
  }

  @Test(arguments: [
    ["topic"], ["topic", "create"], ["produce"], ["consume"], ["call"], ["log"], ["log", "verify"], ["log", "dump"],
    ["group"], ["group", "list"], ["group", "describe"], ["group", "delete"], ["group", "reset-offsets"], ["config"],
    ["config", "get"], ["config", "set"], ["config", "unset"], ["cluster"], ["cluster", "describe"], ["rpc"],
    ["rpc", "list"], ["rpc", "describe"], ["rpc", "encode"], ["rpc", "decode"], ["context"], ["context", "add"],
    ["context", "use"], ["context", "list"], ["context", "show"], ["context", "remove"], ["doctor"], ["completions"],
    ["man"], ["topic", "list"], ["topic", "describe"], ["topic", "trim"], ["topic", "delete"],
    ["topic", "add-partitions"],
  ])
  func `help tells of the exit codes`(command: [String]) throws {
    let outcome = try runTool(command + ["--help"])
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("Exit codes: 0 done; 64 usage"))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `completions know the commands and options of groups`(shell: String) throws {
    let outcome = try runTool(["--generate-completion-script", shell])
    #expect(outcome.status == 0)
    for word in ["reset-offsets", "shift-by", "topic-pattern", "round-robin"] { #expect(outcome.text.contains(word)) }
  }
}
