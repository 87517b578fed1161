import TailraceWire

extension HeaderArgument {
  /// Why this cannot be a header of a gRPC call; nil where it can.
  var problemOfGRPC: String? {
    if key.hasPrefix("grpc-") || Self.reserved.contains(key) {
      return "--header \(key): the header is HTTP's or gRPC's own, and not for metadata"
    }
    if key.hasSuffix("-bin") {
      return Base64.decode(value) == nil ? "--header \(key): the value of a key that ends in -bin is base64" : nil
    }
    guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      return "--header \(key): the value is not printable ASCII; send it in base64, as \(key)-bin"
    }
    return nil
  }

  private static let reserved: Set<String> = [
    "content-type", "te", "user-agent", "content-length", "accept-encoding", "host", "connection", "keep-alive",
    "proxy-connection", "transfer-encoding", "upgrade", "trailer",
  ]
}
