import NIOCore
import TailraceWire

/// A request frame.
func requestFrame(_ header: RequestHeader, _ message: ByteBuffer = ByteBuffer()) throws -> ByteBuffer {
  var bytes = ByteBuffer()
  try FrameEncoder().writeRequest(header, message: message, to: &bytes)
  return bytes
}

/// The request frame of a call.
func call(
  _ id: UInt64, _ method: RPCMethod = .adminServicePing, _ message: String = "", timeoutMs: UInt32 = 0
) throws -> ByteBuffer {
  try requestFrame(
    RequestHeader(callID: id, method: method.fullName, timeoutMs: timeoutMs), ByteBuffer(string: message))
}

func joined(_ frames: [ByteBuffer]) -> ByteBuffer {
  var bytes = ByteBuffer()
  for frame in frames { bytes.writeImmutableBuffer(frame) }
  return bytes
}

/// A response frame, taken apart.
struct Answer: Equatable {
  var id: UInt64
  var code: StatusCode = .ok
  var error: ErrorCode = .unspecified
  var text = ""
  var reconnectAdvised = false
  var byteCount = 0

  init(_ frame: Frame) throws {
    let header = try ResponseHeader(decoding: frame.header)
    id = header.callID
    if let failure = RPCError(header.status) {
      code = failure.code
      error = failure.error
      text = failure.message
    } else {
      text = String(buffer: frame.message)
    }
    reconnectAdvised = header.reconnectAdvised
    byteCount = frame.message.readableBytes
  }
}

/// All whole frames in `bytes`.
func answers(_ bytes: ByteBuffer) throws -> [Answer] {
  var decoder = FrameDecoder()
  decoder.receive(bytes)
  var result: [Answer] = []
  while let frame = try decoder.next() { result.append(try Answer(frame)) }
  return result
}
