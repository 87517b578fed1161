import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

/// No response is larger than what a frame holds.
@Suite struct FetchResponseBuilderTests {
  /// What fits beside a frame's header, at the standard limit.
  private let frameRoom = (16 << 20) - 64

  @Test func `batches keep to the frame's limit whatever max_bytes says`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      for partition in 0..<2 as Range<UInt32> {
        for _ in 0..<12 { _ = try await broker.produce([try batch(ofBytes: (1 << 20) - 200)], partition: partition) }
      }
      let targets = (0..<2).map { FetchTarget(topic: "orders", partition: $0, maxBytes: UInt32.max) }
      let request = FetchRequest(targets: targets, maxBytes: UInt32.max)
      let bytes = try await broker.connection.call(.logServiceFetch, try request.encoded()).bytes()
      #expect(bytes.readableBytes <= frameRoom)
      let partitions = try Response.message(bytes).decoded(as: FetchResponse.self).partitions
      // 16 MiB less 64 KiB hold fifteen batches of 1 MiB.
      #expect(partitions.map(\.batches.count) == [12, 3])
    }
  }

  @Test func `a batch that is far larger once decompressed comes in several responses`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([
        try batch((0..<40).map { _ in String(repeating: "x", count: 1 << 20) }, compression: .zstd)
      ])
      var offset: Int64 = 0
      var calls = 0
      while offset < 40, calls < 20 {
        let request = FetchRequest(
          targets: [FetchTarget(topic: "orders", offset: offset)], maxBytes: UInt32.max, decode: true)
        let bytes = try await broker.connection.call(.logServiceFetch, try request.encoded()).bytes()
        #expect(bytes.readableBytes <= frameRoom)
        let fetched = try Response.message(bytes).decoded(as: FetchResponse.self).partitions[0]
        #expect(fetched.records.map(\.offset) == Array(offset..<fetched.nextOffset))
        offset = fetched.nextOffset
        calls += 1
      }
      #expect(offset == 40)
      #expect(calls == 3)
    }
  }

  @Test func `a record that fits no response is told of, and can be fetched as a batch`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([
        try batch(["a", String(repeating: "x", count: 17 << 20)], compression: .zstd)
      ])
      let before = try await broker.fetch(decode: true)
      #expect(before.values == ["a"])
      #expect(before.nextOffset == 1)
      let fetched = try await broker.fetch(from: 1, decode: true)
      #expect(fetched.error?.code == .batchTooLarge)
      #expect(fetched.error?.message.hasSuffix("too many for one response: fetch without decode") == true)
      #expect(try await broker.fetch(from: 1).batches.count == 1)
    }
  }

  @Test func `one response decompresses so much and no more; what is left comes with the next`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 3)
      for partition in 0..<3 as Range<UInt32> {
        let values = (0..<40).map { _ in String(repeating: "x", count: 1 << 20) } + ["\(partition)"]
        _ = try await broker.produce([try batch(values, compression: .zstd)], partition: partition)
      }
      // The last record of each, for which all 40 MiB before it are decompressed.
      var targets = (0..<3).map { FetchTarget(topic: "orders", partition: $0, offset: 40) }
      for last in 0..<3 {
        let partitions = try await broker.fetch(FetchRequest(targets: targets, decode: true))
        #expect(partitions.allSatisfy { $0.error == nil })
        #expect(partitions.map(\.values) == targets.indices.map { $0 == 0 ? ["\(last)"] : [] })
        #expect(partitions.map(\.nextOffset) == targets.indices.map { $0 == 0 ? 41 : 40 })
        targets.removeFirst()
      }
    }
  }

  @Test func `the largest record leaves room for what many other partitions say`() async throws {
    try await withFixture { broker in
      let name = String(repeating: "n", count: 200)
      try await broker.createTopic(name)
      // Just below what a response holds for one target.
      let size = (16 << 20) - (64 << 10) - 2_000
      let sent = try await broker.produce([try batch(ofBytes: size, compression: .zstd)], to: name)
      #expect(sent.batches.map(\.baseOffset) == [0])
      for (count, isThere) in [(1, true), (5_000, false)] {
        let targets = (0..<UInt32(count)).map { FetchTarget(topic: name, partition: $0) }
        let request = FetchRequest(targets: targets, maxBytes: 1, decode: true)
        let bytes = try await broker.connection.call(.logServiceFetch, try request.encoded()).bytes()
        #expect(bytes.readableBytes <= frameRoom)
        let first = try Response.message(bytes).decoded(as: FetchResponse.self).partitions[0]
        #expect(first.records.count == (isThere ? 1 : 0))
        #expect((first.error == nil) == isThere)
      }
    }
  }

  @Test func `10,000 targets that all fail fit a response`() async throws {
    try await withFixture { broker in
      let name = String(repeating: "n", count: 200)
      for target in [FetchTarget(topic: name), FetchTarget(topic: name, topicID: ByteBuffer(repeating: 1, count: 16))] {
        let targets = [FetchTarget](repeating: target, count: 10_000)
        for decode in [false, true] {
          let request = try FetchRequest(targets: targets, decode: decode).encoded()
          let bytes = try await broker.connection.call(.logServiceFetch, request).bytes()
          #expect(bytes.readableBytes <= frameRoom)
        }
        if broker.broker.registry.table.topic(named: name) == nil { try await broker.createTopic(name) }
      }
    }
  }
}
