import NIOCore
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing
@testable import TailraceBroker

/// Which calls are taken off the event loops.
@Suite struct CallWeightTests {
  private func fetch(_ count: Int) throws -> ByteBuffer {
    let targets = (0..<count).map { FetchTarget(topic: "orders", partition: UInt32($0)) }
    return try FetchRequest(targets: targets, minBytes: 1, maxWaitMs: 1).encoded()
  }

  private func produce(_ targets: [ProduceTarget]) throws -> ByteBuffer {
    try ProduceRequest(targets: targets).encoded()
  }

  @Test func `a fetch of more than 64 targets is heavy`() throws {
    #expect(!CallWeight.isHeavyFetch(try fetch(1)))
    #expect(!CallWeight.isHeavyFetch(try fetch(64)))
    #expect(CallWeight.isHeavyFetch(try fetch(65)))
    #expect(CallWeight.isHeavyFetch(try fetch(10_000)))
  }

  @Test func `a produce of more than 256 targets, records and batches is heavy`() throws {
    let record = ProduceRecord(value: ByteBuffer(string: "v"))
    func target(records: Int, batches: Int = 0) throws -> ProduceTarget {
      ProduceTarget(
        topic: "orders", partition: 0, records: [ProduceRecord](repeating: record, count: records),
        batches: [RecordBatch](repeating: try batch(["a"]), count: batches))
    }
    #expect(!CallWeight.isHeavyProduce(try produce([try target(records: 255)])))
    #expect(CallWeight.isHeavyProduce(try produce([try target(records: 256)])))
    #expect(!CallWeight.isHeavyProduce(try produce([try target(records: 100, batches: 155)])))
    #expect(CallWeight.isHeavyProduce(try produce([try target(records: 100, batches: 156)])))
    let empty = ProduceTarget(topic: "orders")
    #expect(!CallWeight.isHeavyProduce(try produce([ProduceTarget](repeating: empty, count: 256))))
    #expect(CallWeight.isHeavyProduce(try produce([ProduceTarget](repeating: empty, count: 257))))
  }

  @Test func `a produce of more than a mebibyte is large, and unless it is a single batch one of 32 KiB is heavy`()
    throws
  {
    func message(_ count: Int) throws -> ByteBuffer {
      try produce([ProduceTarget(topic: "orders", batches: [try batch(ofBytes: count)])])
    }
    #expect(!CallWeight.isLargeProduce(try message((1 << 20) - 1_000)))
    #expect(CallWeight.isLargeProduce(try message(1 << 20)))
    #expect(!CallWeight.isHeavyProduce(try message((32 << 10) - 1_000)))
    #expect(CallWeight.isHeavyProduce(try message(32 << 10)))
  }

  @Test func `batches are heavy that are compressed, or say they have many records`() throws {
    let one = try batch(["a"])
    #expect(!CallWeight.areHeavy([RecordBatch]()))
    #expect(!CallWeight.areHeavy([RecordBatch](repeating: one, count: 8_192)))
    #expect(CallWeight.areHeavy([RecordBatch](repeating: one, count: 8_193)))
    for compression in [Compression.gzip, .lz4, .zstd] {
      #expect(CallWeight.areHeavy([one, try batch(["a"], compression: compression)]))
    }
    var boasting = one
    boasting.recordCount = .max
    #expect(CallWeight.areHeavy([boasting]))
    #expect(CallWeight.areHeavy([RecordBatch](repeating: boasting, count: 100)))
  }

  @Test func `bytes that are no request are light: they are refused at once`() throws {
    #expect(!CallWeight.isHeavyFetch(ByteBuffer(repeating: 0xFF, count: 10_000)))
    #expect(!CallWeight.isHeavyProduce(ByteBuffer(repeating: 0xFF, count: 10_000)))
  }
}
