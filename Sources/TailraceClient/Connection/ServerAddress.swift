/// Where a broker listens: "127.0.0.1:7171", "broker.example:7171", "[::1]:7171".
package struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
  /// Without brackets.
  package let host: String
  /// 1 to 65535; to listen on, also 0: any free one.
  package let port: Int

  /// Where a broker listens that is told nothing else.
  package static let standard = ServerAddress(host: "127.0.0.1", port: 7171)

  private init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Nil unless `text` is HOST:PORT, with an IPv6 address in brackets. `lowestPort` is 0 for an address to listen on.
  package init?(_ text: String, lowestPort: UInt16 = 1) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let port = UInt16(digits), port >= lowestPort
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, host.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0 != "[" && $0 != "]" && $0 != "/" })
    else { return nil }
    self.init(host: String(host), port: Int(port))
  }

  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
