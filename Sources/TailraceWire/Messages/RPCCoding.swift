internal import NIOCore

// What generated handlers and client stubs convert with: the errors of encoding and decoding as errors of a call.

func decodeRequest<M: WireMessage>(_ buffer: ByteBuffer) throws(RPCError) -> M {
  do throws(DecodeError) {
    return try M(decoding: buffer)
  } catch {
    throw RPCError(error)
  }
}

func decodeResponse<M: WireMessage>(_ buffer: ByteBuffer) throws(RPCError) -> M {
  try decodeRequest(buffer)
}

func encodeRequest(_ message: some WireMessage) throws(RPCError) -> ByteBuffer {
  try encodeResponse(message)
}

func encodeResponse(_ message: some WireMessage) throws(RPCError) -> ByteBuffer {
  do throws(EncodeError) {
    return try message.encoded()
  } catch {
    throw RPCError(error)
  }
}
