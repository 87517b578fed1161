internal import NIOCore
internal import TailraceWire

extension InboundCall {
  /// The request, or INVALID_ARGUMENT (too large: RESOURCE_EXHAUSTED) with the field that is wrong.
  func decoded<Message: WireMessage>(as type: Message.Type) throws(RPCError) -> Message {
    do throws(DecodeError) { return try Message(decoding: message) } catch { throw RPCError(error) }
  }
}

extension Response {
  /// The message, or INTERNAL where it cannot be encoded.
  init(_ message: some WireMessage) {
    do throws(EncodeError) { self = .message(try message.encoded()) } catch { self = .failure(RPCError(error)) }
  }

  /// Either side of a handler's result.
  init(_ result: Result<ByteBuffer, RPCError>) {
    switch result {
    case .success(let bytes): self = .message(bytes)
    case .failure(let error): self = .failure(error)
    }
  }
}
