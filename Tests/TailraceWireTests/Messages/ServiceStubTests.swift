import NIOCore
import TailraceWire
import Testing

@Suite("Generated stubs and handlers")
struct ServiceStubTests {
  /// A caller that ends in handlers of this process.
  private struct Loopback: RPCCaller {
    let handler: TestHandler

    func call(_ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions) async throws(RPCError) -> ByteBuffer {
      switch method.serviceName {
      case "tailrace.v1.AdminService":
        try await (handler as any AdminServiceHandler).handle(method, request, CallContext())
      default:
        try await (handler as any LogServiceHandler).handle(method, request, CallContext())
      }
    }

    func stream(
      _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions,
      onResponse: @Sendable (ByteBuffer) async throws(RPCError) -> Void
    ) async throws(RPCError) {
      try await handler.handleStream(method, request, CallContext(), write: onResponse)
    }
  }

  private struct TestHandler: AdminServiceHandler, LogServiceHandler {
    func describeTopic(
      _ request: DescribeTopicRequest, _ call: CallContext
    ) async throws(RPCError) -> DescribeTopicResponse {
      DescribeTopicResponse(topic: TopicSummary(name: request.name, partitionCount: 7))
    }

    func deleteTopic(
      _ request: DeleteTopicRequest, _ call: CallContext
    ) async throws(RPCError) -> DeleteTopicResponse {
      throw RPCError(.notFound, "no topic", error: .unknownTopic)
    }

    func subscribe(
      _ request: SubscribeRequest, _ call: CallContext,
      _ write: @Sendable (SubscribeResponse) async throws(RPCError) -> Void
    ) async throws(RPCError) {
      for target in request.targets {
        try await write(SubscribeResponse(partitions: [FetchedPartition(topic: target.topic)]))
      }
    }
  }

  private actor Received {
    var topics: [String] = []
    func add(_ response: SubscribeResponse) { topics += response.partitions.map(\.topic) }
  }

  private let caller = Loopback(handler: TestHandler())

  @Test func `A unary call reaches its handler and returns its response`() async throws {
    let admin = AdminServiceClient(caller: caller)
    let response = try await admin.describeTopic(DescribeTopicRequest(name: "clicks"))
    #expect(response.topic == TopicSummary(name: "clicks", partitionCount: 7))
  }

  @Test func `A handler's error reaches the caller as it is`() async {
    let admin = AdminServiceClient(caller: caller)
    await #expect(throws: RPCError(.notFound, "no topic", error: .unknownTopic)) {
      try await admin.deleteTopic(DeleteTopicRequest(name: "x"))
    }
  }

  @Test func `Methods that a handler leaves out, and inline ones, are unimplemented`() async {
    await #expect(throws: RPCError.unimplemented(.adminServiceListTopics)) {
      try await AdminServiceClient(caller: caller).listTopics(ListTopicsRequest())
    }
    await #expect(throws: RPCError.unimplemented(.logServiceProduce)) {
      try await LogServiceClient(caller: caller).produce(ProduceRequest())
    }
  }

  @Test func `A stream delivers every response in order`() async throws {
    let received = Received()
    let targets = ["a", "b", "c"].map { FetchTarget(topic: $0) }
    try await LogServiceClient(caller: caller).subscribe(SubscribeRequest(targets: targets)) { response in
      await received.add(response)
    }
    #expect(await received.topics == ["a", "b", "c"])
  }

  @Test func `A request that cannot be decoded or encoded is an error of the call`() async {
    let handler: any AdminServiceHandler = TestHandler()
    await #expect(throws: RPCError.self) {
      try await handler.handle(.adminServiceDescribeTopic, ByteBuffer(bytes: [0x0a, 0x05]), CallContext())
    }
    await #expect(throws: RPCError.self) {
      try await AdminServiceClient(caller: caller).describeTopic(DescribeTopicRequest(name: "\0"))
    }
  }
}
