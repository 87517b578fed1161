import ArgumentParser
import TailraceClient
import Testing

@testable import tailrace

@Suite struct ClientOptionsTests {
  @Test func `the option goes before the environment, which goes before the standard address`() throws {
    let environment = ["TAILRACE_SERVER": "environment:2"]
    var options = try ClientOptions.parse(["--server", "option:1"])
    #expect(try options.address(environment: environment).description == "option:1")
    options = try ClientOptions.parse([])
    #expect(try options.address(environment: environment).description == "environment:2")
    #expect(try options.address(environment: [:]).description == "127.0.0.1:7171")
    #expect(try options.address(environment: ["TAILRACE_SERVER": ""]).description == "127.0.0.1:7171")
    #expect(throws: (any Error).self) { try options.address(environment: ["TAILRACE_SERVER": "nonsense"]) }
  }
}
