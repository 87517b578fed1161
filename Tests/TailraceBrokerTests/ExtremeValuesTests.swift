import NIOCore
import TailraceBroker
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

@Suite struct ExtremeValuesTests {
  private let names = ["orders", "events", "clicks"]

  @Test func `any valid message to any method gets exactly one answer`() async throws {
    let random = SeededGenerator(for: "ExtremeValuesTests")
    var messages = try ExtremeMessages(random: random, names: names)
    let inputs = Dictionary(
      uniqueKeysWithValues: RPCMethod.allCases.compactMap { method in
        DescriptorPool.tailrace.message(named: method.requestName).map { (method, $0) }
      })
    #expect(inputs.count == RPCMethod.allCases.count)
    var limits = FetchPurgatory.Limits()
    limits.perConnection = 20
    var codes: [StatusCode: Int] = [:]
    try await withFixture(fetchLimits: limits) { broker in
      for _ in 0..<400 {
        for name in names where broker.broker.registry.table.topic(named: name) == nil {
          try await broker.createTopic(name, partitions: 3)
        }
        let calls = (0..<50).compactMap { _ -> (RPCMethod, ByteBuffer)? in
          let method = RPCMethod.allCases[messages.random.below(RPCMethod.allCases.count)]
          return inputs[method].map { (method, messages.message(of: $0)) }
        }
        let ids = await broker.connection.send(calls)
        // Some are given up while they wait.
        var abandoned: CallID?
        if messages.random.below(4) == 0, let index = calls.firstIndex(where: { $0.0 == .logServiceFetch }) {
          abandoned = ids[index]
          await broker.connection.abandon(ids[index])
        }
        for (id, call) in zip(ids, calls) where call.0.isServerStreaming && messages.random.below(2) == 0 {
          await broker.connection.grant(100_000, to: id)
        }
        await broker.connection.advance(byMs: 60_000)
        // Streams end only by this.
        await broker.connection.endInput()
        for (id, call) in zip(ids, calls) where id != abandoned {
          let response = await broker.connection.response(to: id)
          codes[response.failure?.code ?? .ok, default: 0] += 1
          #expect(broker.connection.answers(to: id).count == 1, "\(call.0.fullName)")
          #expect(response.failure?.code != .internalError, "\(call.0.fullName): \(response)")
        }
        #expect(broker.broker.purgatory.count == 0)
        #expect(broker.store.seen.openWaiters.isEmpty)
      }
    }
    #expect(codes.values.reduce(0, +) > 19_500)
    // Else the messages are no good.
    #expect(codes[.ok, default: 0] > 2_000, "\(codes)")
    #expect(codes[.invalidArgument, default: 0] > 500, "\(codes)")
  }
}
