import NIOCore
import TailraceWire
import Testing

@testable import TailraceClient

@Suite struct ProducerCoreTests {
  @Test func `an answer sets no timer unless something is to be sent again`() throws {
    var core = ProducerCore(ProducerConfiguration(), backoff: Backoff())
    core.learn("orders", partitionCount: 1, now: .now(), chance: 0)
    guard case .appended(let delivery, _) = core.append(.init(value: "v"), to: "orders", hasRoom: false, nowMs: 0)
    else {
      Issue.record("it is not taken")
      return
    }
    let deadline = try #require(core.wakeAt)
    // Nothing of that serial is under way: all is as it was.
    _ = core.answered(0, 7, .success(0), now: .now(), jitter: 0)
    #expect(core.wakeAt == deadline)
    #expect(delivery.result == nil)
  }

  private func core(
    _ partitionCount: Int = 1, _ change: (inout ProducerConfiguration) -> Void = { _ in }
  ) -> ProducerCore {
    var configuration = ProducerConfiguration()
    change(&configuration)
    var core = ProducerCore(configuration, backoff: Backoff())
    core.learn("orders", partitionCount: partitionCount, now: .now(), chance: 0)
    return core
  }

  @Test func `a flush waits for what is settled until it was told, and hears of its failure`() throws {
    var core = core()
    guard
      case .appended(let delivery, _) = core.append(.init(value: "v"), to: "orders", hasRoom: false, nowMs: 0),
      let sealed = core.seal(0)
    else {
      Issue.record("it is not taken")
      return
    }
    core.built(sealed, .failure(TailraceError(.internalError, "it cannot be built")))
    let batch = ObjectIdentifier(delivery.batch)
    let settled = core.flush().map(ObjectIdentifier.init)
    #expect(settled == [batch])
    let leaving = core.takeSettled(of: 0)
    let taken = core.flush().map(ObjectIdentifier.init)
    #expect(taken == [batch])
    let failure = core.takeFailure()
    #expect(failure?.code == .internalError)
    core.told(leaving)
    let told = core.flush()
    #expect(told.isEmpty)
  }

  @Test func `a partition with few records takes little memory, one that fills batches takes them whole`() throws {
    var core = core(1_000)
    for partition in 0..<1_000 {
      _ = core.append(
        .init(value: ByteBuffer(string: "v"), partition: partition), to: "orders", hasRoom: false, nowMs: 0)
    }
    let capacities = core.queues.map { $0.open?.builder.memory.capacity ?? 0 }
    #expect(capacities.reduce(0, +) < 1_000 * 1_000)
    let large = TailraceClient.ProducerRecord(value: ByteBuffer(repeating: 0, count: 1_000), partition: 0)
    for _ in 0..<200 { _ = core.append(large, to: "orders", hasRoom: false, nowMs: 0) }
    let sealed = core.takeSealed()
    #expect(sealed != nil)
    #expect(core.queues[0].open?.builder.memory.capacity ?? 0 >= core.configuration.batchBytes)
  }

  @Test(arguments: ProducerConfiguration.Compression.allCases)
  func `the memory of what was sent is kept, also where it was compressed from it`(
    compression: ProducerConfiguration.Compression
  ) throws {
    var core = core { $0.compression = compression }
    let large = TailraceClient.ProducerRecord(value: ByteBuffer(repeating: 0, count: 1_000))
    for _ in 0..<200 { _ = core.append(large, to: "orders", hasRoom: false, nowMs: 0) }
    let taken = core.takeSealed()
    let sealed = try #require(taken)
    let built = try sealed.batch.builder.build(compression: compression == .none ? .none : .zstd)
    let before = core.memory.byteCount
    core.built(sealed, .success(built))
    #expect((core.memory.byteCount > before) == (compression != .none))
    core.abandon(TailraceError(.cancelled, "the end"))
    _ = core.takeSettled(of: 0)
    #expect(core.memory.byteCount >= core.configuration.batchBytes)
  }
}
