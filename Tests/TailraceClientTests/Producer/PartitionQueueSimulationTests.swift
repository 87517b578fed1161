import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

@testable import TailraceClient

/// One partition's queue against a broker's rules, with everything lost that can be lost.
@Suite struct PartitionQueueSimulationTests {
  private struct History {
    var queue = PartitionQueue(topic: "t", partition: 0, backoff: Backoff(firstMs: 10, maxMs: 100))
    var partition: SimulatedPartition
    var generator: SeededGenerator
    var now = NIODeadline.uptimeNanoseconds(1)
    var identity: ProducerIdentity?
    var lastProducerID: Int64 = 0
    var connection = ObjectIdentifier(Int.self)
    /// The batches by the base timestamp of their first record, in the order in which they were handed over.
    var handedOver: [Int64] = []
    var outcomes: [Int64: BatchCompletion.Outcome] = [:]
    var completions: [Int64: BatchCompletion] = [:]
    let rules: SendingRules

    init(_ seed: UInt64) {
      generator = SeededGenerator(seed: seed)
      partition = SimulatedPartition(SeededGenerator(seed: seed ^ 0x5eed))
      var configuration = ProducerConfiguration()
      configuration.linger = generator.below(2) == 0 ? .zero : .milliseconds(5)
      configuration.maxInFlightBatches = 1 + generator.below(5)
      rules = SendingRules(configuration)
    }

    mutating func handOver() {
      if queue.open != nil { seal() }
      let name = Int64(handedOver.count + 1)
      queue.openBatch(nowMs: name, in: ByteBuffer())
      for _ in 0...generator.below(3) {
        let (delivery, _) = queue.append(ProducerRecord(value: "v"), nowMs: name)
        completions[name] = delivery.batch
      }
      handedOver.append(name)
      if generator.below(2) == 0 { seal() }
    }

    mutating func seal() {
      guard let (serial, batch) = queue.seal(deadline: .seconds(60)), let built = try? batch.builder.build() else {
        return
      }
      queue.built(serial, built)
    }

    mutating func send() {
      switch queue.next(rules, over: connection, known: identity, now: now) {
      case .nothing: break
      case .wait(let moment): now = max(now, moment)
      case .seal: seal()
      case .identify:
        lastProducerID += 1
        identity = ProducerIdentity(id: lastProducerID, epoch: 0)
      case .send(let serial, let batch, _): partition.receive(serial, batch)
      }
    }

    mutating func hear(_ serial: UInt64, _ outcome: BatchCompletion.Outcome) {
      let verdict = queue.answer(serial, outcome, rules, now: now, jitter: 0.5)
      if case .reset(let old) = verdict, identity == old { identity = nil }
      collect()
    }

    mutating func loseConnection() {
      for (serial, outcome) in partition.lose() { hear(serial, outcome) }
      connection = ObjectIdentifier(connection == ObjectIdentifier(Int.self) ? String.self : Int.self)
    }

    mutating func collect() {
      for settled in queue.takeSettled() { settled.completion.complete(settled.outcome) }
    }

    mutating func step() {
      switch generator.below(100) {
      case 0..<25: handOver()
      case 25..<55: send()
      case 55..<75: partition.append()
      case 75..<94: if let (serial, outcome) = partition.answer() { hear(serial, outcome) }
      case 94..<96: loseConnection()
      case 96:
        loseConnection()
        partition.fallBack()
      // It takes a long time: nothing is under way.
      case 97: if queue.isEmpty { partition.forgetProducers() }
      case 98:
        now = now + .seconds(Int64(generator.below(30)))
        queue.expire(now: now, deliveryTimeout: rules.deliveryTimeout)
        collect()
      default: now = now + .milliseconds(Int64(generator.below(50)))
      }
    }

    /// Until everything is settled; false where it does not come to that.
    mutating func settle() -> Bool {
      for _ in 0..<20_000 where !queue.isEmpty {
        send()
        partition.append()
        if let (serial, outcome) = partition.answer() { hear(serial, outcome) }
        now = now + .milliseconds(1)
      }
      return queue.isEmpty
    }
  }

  @Test func `what is acknowledged is stored once and in order, whatever gets lost`() {
    let seed = SeededGenerator(for: "PartitionQueueSimulationTests").seed
    for round in 0..<UInt64(isLongRun ? 20_000 : 500) {
      var history = History(seed &+ round)
      for _ in 0..<(20 + history.generator.below(300)) { history.step() }
      let isSettled = history.settle()
      let found = faults(history, isSettled)
      if !found.isEmpty {
        Issue.record("seed \(seed), round \(round): \(found.joined(separator: "; "))")
        return
      }
    }
  }

  private func faults(_ history: History, _ isSettled: Bool) -> [String] {
    guard isSettled else { return ["it does not settle"] }
    var found: [String] = []
    let stored = history.partition.stored
    if Set(stored).count != stored.count { found.append("a batch is stored twice: \(stored)") }
    if stored != stored.sorted() { found.append("batches are stored out of order: \(stored)") }
    for (name, completion) in history.completions {
      switch completion.outcome {
      case nil: found.append("batch \(name) has no outcome")
      case .success:
        guard !stored.contains(name), !history.partition.lost.contains(name) else { break }
        found.append("batch \(name) is acknowledged and not stored")
      case .failure(let error):
        let isKnown = error.code != .deadlineExceeded
        if isKnown, stored.contains(name) { found.append("batch \(name) is stored, and failed with \(error)") }
      }
    }
    return found
  }
}
