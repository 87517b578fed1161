import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct DescribeClusterTests {
  @Test func `version, limits and topics are told`() async throws {
    try await withFixture { broker in
      try await broker.createTopic("a")
      try await broker.createTopic("b")
      let answer = try await broker.call(
        .adminServiceDescribeCluster, DescribeClusterRequest(), as: DescribeClusterResponse.self)
      #expect(answer.serverVersion == "test")
      #expect(answer.limits?.maxBatchBytes == 8 << 20)
      #expect(answer.limits?.maxPartitionsPerTopic == 10_000)
      #expect(answer.topicCount == 2)
      #expect(answer.nowMs == broker.clock.nowMs())
      #expect(answer.disk == nil, "a store in memory knows of no disk")
      #expect(answer.methods.map(\.name) == RPCMethod.allCases.map(\.fullName))
      #expect(answer.methods.filter(\.serverStreaming).map(\.name) == ["tailrace.v1.LogService/Subscribe"])
    }
  }

  @Test func `the methods said to be there are those that do not answer UNIMPLEMENTED`() async throws {
    try await withFixture { broker in
      let answer = try await broker.call(
        .adminServiceDescribeCluster, DescribeClusterRequest(), as: DescribeClusterResponse.self)
      for method in RPCMethod.allCases {
        let response = await broker.connection.call(method, ByteBuffer())
        let isThere = response.failure?.code != .unimplemented
        let isSaidToBe = answer.methods.first { $0.name == method.fullName }?.implemented
        #expect(isThere == isSaidToBe, "\(method.fullName)")
      }
    }
  }
}
