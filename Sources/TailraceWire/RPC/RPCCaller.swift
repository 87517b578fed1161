package import NIOCore

/// What a caller may ask for with a call.
package struct CallOptions: Sendable {
  /// Give the call up after this; nil = never.
  package var timeout: Duration?
  package var metadata: [Metadata]
  /// Called with the metadata of the answer, before the call returns, where there is any. Must not block.
  package var onMetadata: (@Sendable ([Metadata]) -> Void)?
  /// Called with the metadata that came behind the answer, before the call returns, where there is any: gRPC has it, the
  /// native door does not. Must not block.
  package var onTrailers: (@Sendable ([Metadata]) -> Void)?

  package init(
    timeout: Duration? = nil, metadata: [Metadata] = [], onMetadata: (@Sendable ([Metadata]) -> Void)? = nil,
    onTrailers: (@Sendable ([Metadata]) -> Void)? = nil
  ) {
    self.timeout = timeout
    self.metadata = metadata
    self.onMetadata = onMetadata
    self.onTrailers = onTrailers
  }
}

/// Something that carries serialised requests to a server: what the typed client stubs are built on.
package protocol RPCCaller: Sendable {
  /// Makes a unary call and returns the serialised response.
  func call(_ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions) async throws(RPCError) -> ByteBuffer

  /// Makes a server-streaming call; `onResponse` is awaited for each serialised response, in order.
  func stream(
    _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions,
    onResponse: @Sendable (ByteBuffer) async throws(RPCError) -> Void
  ) async throws(RPCError)
}
