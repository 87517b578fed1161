import NIOCore
import TailraceWire

/// What a server tells of a failure beside its status: a google.rpc.Status, in the trailer `grpc-status-details-bin`.
struct GRPCStatusDetails {
  static let key = "grpc-status-details-bin"
  private static let maxDetails = 64

  /// A google.protobuf.Any.
  struct Detail: CustomStringConvertible {
    /// Without the host: "tailrace.v1.Status".
    fileprivate(set) var typeName = ""
    fileprivate(set) var value = ByteBuffer()

    /// In JSON, where the type is one of ours.
    var description: String {
      guard let type = DescriptorPool.tailrace.message(named: typeName),
        let json = try? ProtobufJSON.encode(value, as: type)
      else { return "\(typeName), \(value.readableBytes) bytes: \(Base64.encoded(value))" }
      return "\(typeName): \(json)"
    }
  }

  /// At most 64.
  private(set) var details: [Detail] = []

  /// Nil where `text` is no such message.
  init?(base64 text: String) {
    guard let bytes = Base64.decode(text) else { return nil }
    let read = bytes.withUnsafeBytes { bytes in
      Result { () throws(WireError) in try Self.details(of: bytes) }
    }
    guard case .success(let details) = read else { return nil }
    self.details = details
  }

  /// What our own servers mean by the failure; nil for those of others.
  var error: ErrorCode? {
    guard let detail = details.first(where: { $0.typeName == Status.fullName }) else { return nil }
    return try? Status(decoding: detail.value, limits: DecodeLimits(maxBytes: 16 << 10)).error
  }

  /// Field 3 of the message.
  private static func details(of message: UnsafeRawBufferPointer) throws(WireError) -> [Detail] {
    var details: [Detail] = []
    var reader = WireReader(message)
    while let field = try reader.nextField() {
      guard field.number == 3, case .lengthDelimited(let any) = field.value, details.count < maxDetails else {
        continue
      }
      details.append(try Detail(any))
    }
    return details
  }
}

extension GRPCStatusDetails.Detail {
  /// Fields 1 and 2 are the type's URL and the value.
  fileprivate init(_ any: WireReader) throws(WireError) {
    var any = any
    while let field = try any.nextField() {
      guard case .lengthDelimited(let body) = field.value else { continue }
      switch field.number {
      case 1: typeName = String(decoding: body.rest, as: UTF8.self).split(separator: "/").last.map(String.init) ?? ""
      case 2: value = ByteBuffer(bytes: body.rest)
      default: break
      }
    }
  }
}
