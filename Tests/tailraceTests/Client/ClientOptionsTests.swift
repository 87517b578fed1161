import ArgumentParser
import TailraceClient
import Testing

@testable import tailrace

@Suite struct ClientOptionsTests {
  /// A configuration directory with the contexts `a`, which is in use, and `b`.
  private func configuration() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    let store = try #require(ContextStore(environment: ["XDG_CONFIG_HOME": directory.path]))
    let added = try ["a", "b"].map { name in
      Context(name: name, server: try #require(ServerAddress("\(name).example:1")))
    }
    try store.update { contexts in
      for context in added { _ = contexts.add(context) }
      _ = contexts.use("a")
    }
    return directory
  }

  @Test func `a flag goes before the environment, which goes before the context in use and the standard address`()
    throws
  {
    let directory = try configuration()
    let xdg = ["XDG_CONFIG_HOME": directory.path]
    let address = ["TAILRACE_SERVER": "environment:2"]
    let context = ["TAILRACE_CONTEXT": "b"]
    let cases: [([String], [String: String], String, ServerChoice.Source, String?)] = [
      (["--server", "option:1"], xdg.merging(address) { $1 }.merging(context) { $1 }, "option:1", .flag, nil),
      (["--context", "b"], xdg.merging(address) { $1 }, "b.example:1", .flag, "b"),
      ([], xdg.merging(address) { $1 }.merging(context) { $1 }, "environment:2", .environment, nil),
      ([], xdg.merging(context) { $1 }, "b.example:1", .environment, "b"),
      ([], xdg, "a.example:1", .context, "a"),
      ([], xdg.merging(["TAILRACE_SERVER": "", "TAILRACE_CONTEXT": ""]) { $1 }, "a.example:1", .context, "a"),
      ([], [:], "127.0.0.1:7171", .standard, nil),
      ([], ["HOME": directory.path], "127.0.0.1:7171", .standard, nil),
    ]
    for (arguments, environment, server, source, name) in cases {
      let choice = try ClientOptions.parse(arguments).choice(environment: environment)
      #expect("\(choice.address)" == server)
      #expect(choice.source == source)
      #expect(choice.context == name)
    }
  }

  @Test func `an address that is none and a context that is not there are refused`() throws {
    let directory = try configuration()
    let options = try ClientOptions.parse([])
    for environment in [["TAILRACE_SERVER": "nonsense"], ["TAILRACE_CONTEXT": "c", "XDG_CONFIG_HOME": directory.path]] {
      #expect(throws: (any Error).self) { try options.choice(environment: environment) }
    }
  }

  @Test func `a command line that is not finished tells a broker, too`() throws {
    let words = ["tailrace", "topic", "--server", "a:1", "describe", "--server=b:2", "--context"]
    #expect(ClientOptions.lenient(words).server?.description == "b:2")
    #expect(ClientOptions.lenient(["--context", "x", "--server", "nonsense"]).context == "x")
    #expect(ClientOptions.lenient(["--server"]).server == nil)
  }
}
