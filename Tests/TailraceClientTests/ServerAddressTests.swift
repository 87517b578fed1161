import TailraceClient
import Testing

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
}
