import ArgumentParser
import Testing

@testable import tailrace

@Suite struct ServerAddressTests {
  @Test(arguments: [
    ("127.0.0.1:7171", "127.0.0.1", 7171), ("broker.example:1", "broker.example", 1), ("[::1]:65535", "::1", 65535),
    ("[fe80::1%eth0]:7", "fe80::1%eth0", 7),
  ])
  func `host and port are taken apart and put together again`(text: String, host: String, port: Int) throws {
    let address = try #require(ServerAddress(text))
    #expect(address.host == host)
    #expect(address.port == port)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "", ":", "host", "host:", ":7171", "host:0", "host:65536", "host:+1", "host:-1", "host:1x", "::1:7171", "[::1]",
    "[::1]7171", "[host]:1", "[]:1", "a b:1", "http://host:1", "[[::1]]:1", "host:７",
  ])
  func `anything but HOST:PORT is refused`(text: String) {
    #expect(ServerAddress(text) == nil)
  }

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
