package import NIOCore

/// The transport's number for a call: opaque, never 0, and never used twice on a connection, while a client may use its
/// own number again as soon as a call is answered.
package struct CallID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A request as the transport hands it over: known method, message not decoded yet.
///
/// There are millions of these a second: it holds one reference, and what all calls of a connection have in common is
/// the connection's to tell.
package struct InboundCall: Sendable {
  package let id: CallID
  package let method: RPCMethod
  /// A slice of the receive buffer. Whoever keeps it keeps that whole buffer alive.
  package let message: ByteBuffer
  /// After this the answer is of no use: the transport has given one. `.distantFuture` without a deadline.
  package let deadline: NIODeadline
  package let metadata: [Metadata]

  package init(
    id: CallID, method: RPCMethod, message: ByteBuffer, deadline: NIODeadline = .distantFuture,
    metadata: [Metadata] = []
  ) {
    self.id = id
    self.method = method
    self.message = message
    self.deadline = deadline
    self.metadata = metadata
  }

  /// The same call, for somebody who keeps it: see `ByteBuffer.compacted`.
  package var compacted: InboundCall {
    InboundCall(id: id, method: method, message: message.compacted, deadline: deadline, metadata: metadata)
  }

  /// The call's context, as one of `connection`.
  package func context(on connection: any CallConnection) -> CallContext {
    CallContext(deadline: deadline, metadata: metadata, peer: connection.peer, door: connection.door)
  }
}

/// What a handler may want to know about a call beside its request.
package struct CallContext: Sendable {
  /// As the call's.
  package var deadline: NIODeadline
  package var metadata: [Metadata]
  /// The peer's address, for logs: "127.0.0.1:51822".
  package var peer: String
  /// Which door the call came through: defaults of a few limits differ.
  package var door: Door

  package init(
    deadline: NIODeadline = .distantFuture, metadata: [Metadata] = [], peer: String = "", door: Door = .native
  ) {
    self.deadline = deadline
    self.metadata = metadata
    self.peer = peer
    self.door = door
  }
}

/// The protocols that a call can come through.
package enum Door: Sendable, Hashable {
  case native
  case grpc
}

/// The answer to a call.
package enum Response: Sendable {
  /// A serialised message.
  case message(ByteBuffer)
  /// The same, of a few bytes.
  case short(ShortMessage)
  /// A serialised message in pieces, to be sent one after the other: where a response holds bytes of the log.
  case chunks([Chunk])
  case failure(RPCError)
  /// Nothing more: the end of a stream.
  case end

  /// The message in pieces, whatever form it has; nil where there is none.
  package var chunks: [Chunk]? {
    switch self {
    case .message(let bytes): [.bytes(bytes)]
    case .short(let bytes): [.bytes(bytes.withUnsafeBytes { ByteBuffer(bytes: $0) })]
    case .chunks(let chunks): chunks
    case .failure, .end: nil
    }
  }
}
