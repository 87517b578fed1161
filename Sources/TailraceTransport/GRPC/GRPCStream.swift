internal import NIOCore
internal import NIOHTTP2
internal import TailraceWire

/// One stream of a gRPC connection: a call from its headers to its trailers.
struct GRPCStream {
  /// Who answers.
  enum Target {
    case broker(RPCMethod)
    case here(GRPCService)
    case additional(any AdditionalCall)
  }

  let target: Target
  let deadline: NIODeadline
  /// For whoever is called; nobody keeps it here longer.
  var metadata: [Metadata]
  private let metadataBytes: Int
  /// Whether answers are compressed: the client compresses its own, and says that it reads such.
  let compressesAnswers: Bool
  var assembler: GRPCMessageAssembler
  /// The request of a call that has but one, until the client has ended its side.
  var request: ByteBuffer?
  /// Whether the client has sent its last.
  var isInputEnded = false
  /// Whether the call was handed over, to be answered.
  var isCalled = false
  /// Whether the headers of the answer are sent.
  var hasHead = false
  /// When something last came of the request.
  var lastInput: NIODeadline
  /// Bytes of its answers that are not sent yet.
  var unsentBytes = 0
  /// When some of those were last sent, or there were none.
  var lastSent: NIODeadline

  init(_ target: Target, _ head: GRPCRequestHead, now: NIODeadline, limits: FrameLimits) {
    self.target = target
    deadline = head.timeout.map { now + $0 } ?? .distantFuture
    // What is answered here does not look at it.
    if case .broker = target { metadata = head.metadata } else { metadata = [] }
    metadataBytes = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    compressesAnswers = head.isCompressed && head.acceptsGzip
    assembler = GRPCMessageAssembler(maxMessageBytes: limits.maxFrameBytes, mayBeCompressed: head.isCompressed)
    lastInput = now
    lastSent = now
  }

  /// Bytes in memory that wait for the rest of the request.
  var heldBytes: Int {
    assembler.heldBytes + (isCalled ? 0 : (request?.storageCapacity ?? 0) + metadataBytes)
  }

  /// Whether each request is answered as it comes; others have but one.
  var takesManyRequests: Bool {
    switch target {
    case .broker: false
    case .here(let service): service.takesManyRequests
    case .additional: true
    }
  }

  var isServerStreaming: Bool {
    switch target {
    case .broker(let method): method.isServerStreaming
    case .here(let service): service.isServerStreaming
    case .additional: true
    }
  }
}

extension CallID {
  /// The number of a stream is never used twice on a connection, and so is that of its call.
  init(_ stream: HTTP2StreamID) { self.init(rawValue: UInt64(Int(stream))) }

  var stream: HTTP2StreamID { HTTP2StreamID(Int(truncatingIfNeeded: rawValue)) }
}
