internal import NIOCore
internal import NIOHPACK
internal import TailraceWire

/// What the headers of a request say.
struct GRPCRequestHead {
  /// What becomes of a stream by its headers.
  enum Judgement {
    case call(GRPCRequestHead)
    /// It is no gRPC: an HTTP status, and why.
    case http(status: Int, String)
    /// A call that fails at once.
    case failure(RPCError)
  }

  /// "tailrace.v1.LogService/Fetch".
  let method: String
  let timeout: TimeAmount?
  /// Whether messages may be compressed with gzip.
  let isCompressed: Bool
  /// Whether the client takes answers that are.
  let acceptsGzip: Bool
  let metadata: [Metadata]

  static func judge(_ headers: HPACKHeaders, limits: FrameLimits) -> Judgement {
    guard headers.first(name: ":method") == "POST" else {
      return .http(status: 405, "gRPC calls are made with POST")
    }
    guard isGRPC(headers.first(name: "content-type")) else {
      return .http(status: 415, "the content-type of gRPC calls is application/grpc or application/grpc+proto")
    }
    guard let path = headers.first(name: ":path"), path.first == "/" else {
      return .failure(RPCError(.unimplemented, "the path names no method, such as /tailrace.v1.LogService/Fetch"))
    }
    do throws(RPCError) {
      return .call(
        GRPCRequestHead(
          method: String(path.dropFirst()), timeout: try timeout(headers), isCompressed: try isCompressed(headers),
          acceptsGzip: acceptsGzip(headers), metadata: try metadata(headers, limits)))
    } catch {
      return .failure(error)
    }
  }

  /// "application/grpc", with "+proto" or parameters at most.
  private static func isGRPC(_ contentType: String?) -> Bool {
    guard let contentType else { return false }
    let type = contentType.prefix { $0 != ";" }.lowercased()
    return type == "application/grpc" || type == "application/grpc+proto"
  }

  private static func timeout(_ headers: HPACKHeaders) throws(RPCError) -> TimeAmount? {
    guard let text = headers.first(name: "grpc-timeout") else { return nil }
    guard let timeout = GRPCTimeout.parse(text) else {
      let shown = text.prefix(20)
      throw RPCError(
        .invalidArgument, "grpc-timeout is '\(shown)', which is not 1 to 8 digits and a unit of H, M, S, m, u or n")
    }
    return timeout
  }

  private static func isCompressed(_ headers: HPACKHeaders) throws(RPCError) -> Bool {
    switch headers.first(name: "grpc-encoding") {
    case nil, "identity": return false
    case "gzip": return true
    case .some(let other):
      throw RPCError(.unimplemented, "messages compressed with '\(other.prefix(20))' are not read here; gzip is")
    }
  }

  private static func acceptsGzip(_ headers: HPACKHeaders) -> Bool {
    headers[canonicalForm: "grpc-accept-encoding"].contains { $0 == "gzip" }
  }

  /// What is the caller's own: neither HTTP's nor gRPC's. Keys that end in "-bin" have values in base64, as they came.
  private static func metadata(_ headers: HPACKHeaders, _ limits: FrameLimits) throws(RPCError) -> [Metadata] {
    var metadata: [Metadata] = []
    for (name, value, _) in headers where !isReserved(name) {
      metadata.append(Metadata(key: name, value: value))
    }
    guard metadata.count <= limits.maxMetadataEntries else {
      throw RPCError(
        .invalidArgument,
        "\(metadata.count) entries of metadata: at most \(limits.maxMetadataEntries) are accepted", error: .limitReached
      )
    }
    return metadata
  }

  private static func isReserved(_ name: String) -> Bool {
    name.first == ":" || name.hasPrefix("grpc-")
      || ["content-type", "te", "user-agent", "content-length", "accept-encoding"].contains(name)
  }
}
