import NIOCore
import NIOPosix
import TailraceClient
import TailraceWire

/// A producer with an id, that outlives the broker. A plain value.
struct FuzzKillProducer: Sendable {
  struct Tally: Sendable {
    var recordsSent = 0
    /// Of those, in batches that had been sent before.
    var recordsSentAgain = 0
    /// Batches that were answered as stored before.
    var duplicates = 0
  }

  /// What came of a request.
  private struct Answer: Sendable {
    let lane: Int
    let batches: [Int]
    let result: Result<ByteBuffer, RPCError>
  }

  /// An answer takes no longer, while the broker is there.
  static let callOptions = CallOptions(timeout: .seconds(30))

  let number: Int
  private(set) var lanes: [FuzzKillLane]
  private(set) var producerID: Int64?
  private(set) var tally = Tally()
  private var epoch: UInt32 = 0
  private var generator: FuzzGenerator

  init(number: Int, partitions: UInt32, seed: UInt64) {
    self.number = number
    lanes = FuzzKillTopic.allCases.flatMap { topic in
      (0..<partitions).map { partition in
        let place = FuzzKillPlace(topic: topic, partition: partition)
        return FuzzKillLane(records: FuzzKillRecords(place: place, producer: number))
      }
    }
    generator = FuzzGenerator(seed: seed, stream: UInt64(number) + 1)
  }

  /// Sends over a connection of its own what was not acked, then new batches, until the connection is lost.
  mutating func workUntilLost(port: UInt16) async throws { _ = try await work(port: port, newBatches: nil) }

  /// As `workUntilLost`, but until so many new batches for each partition, and all before, are acked.
  mutating func finish(port: UInt16, newBatches: Int) async throws {
    guard try await work(port: port, newBatches: newBatches), lanes.allSatisfy(\.isAcked) else {
      throw FuzzFailure("producer \(number) lost its connection though nobody killed the broker")
    }
  }

  /// Returns whether the connection lasted.
  private mutating func work(port: UInt16, newBatches: Int?) async throws -> Bool {
    let connection: Connection
    do throws(RPCError) {
      connection = try await Connection.connect(
        host: "127.0.0.1", port: Int(port), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
      if producerID == nil {
        let answer = try await LogServiceClient(caller: connection)
          .initProducer(InitProducerRequest(), options: Self.callOptions)
        (producerID, epoch) = (answer.producerID, answer.producerEpoch)
      }
    } catch {
      guard error.code == .unavailable else { throw FuzzFailure("producer \(number) at the beginning: \(error)") }
      return false
    }
    do {
      let lasted = try await exchange(connection, newBatches: newBatches)
      await connection.close()
      return lasted
    } catch {
      await connection.close()
      throw error
    }
  }

  private mutating func exchange(_ connection: Connection, newBatches: Int?) async throws -> Bool {
    let (answers, sink) = AsyncStream.makeStream(of: Answer.self)
    let ends = lanes.map { lane in newBatches.map { lane.batches.count + $0 } ?? Int.max }
    let depth = 1 + generator.below(ProducerLimits.batchesUnderWay)
    var underWay = 0
    var isLost = false
    for lane in lanes.indices {
      // What is sent again is cut into requests in another way than before.
      for part in parts(of: lanes[lane].unacked) { try send(lane, part, connection, sink, &underWay) }
    }
    var iterator = answers.makeAsyncIterator()
    while true {
      for lane in lanes.indices where !isLost {
        while lanes[lane].openCount < depth, lanes[lane].batches.count < ends[lane] {
          let batch = lanes[lane].add(recordCount: 1 + generator.below(20))
          try send(lane, [batch], connection, sink, &underWay)
        }
      }
      guard underWay > 0, let answer = await iterator.next() else { return !isLost }
      underWay -= 1
      if try !take(answer) { isLost = true }
    }
  }

  /// Cuts batches, in order, into those of one request each.
  private mutating func parts(of batches: [Int]) -> [[Int]] {
    var parts: [[Int]] = []
    for batch in batches {
      if parts.isEmpty || generator.oneIn(2) { parts.append([]) }
      parts[parts.count - 1].append(batch)
    }
    return parts
  }

  private mutating func send(
    _ lane: Int, _ indices: [Int], _ connection: Connection, _ sink: AsyncStream<Answer>.Continuation,
    _ underWay: inout Int
  ) throws {
    let place = lanes[lane].place
    var target = ProduceTarget(topic: place.topic.rawValue, partition: place.partition)
    for index in indices {
      lanes[lane].noteSent(index)
      let batch = lanes[lane].batches[index]
      tally.recordsSent += batch.numbers.count
      if batch.sent > 1 { tally.recordsSentAgain += batch.numbers.count }
      target.batches.append(
        try lanes[lane].records.batch(batch.numbers, producerID: producerID ?? 0, epoch: epoch))
    }
    let request = try ProduceRequest(acks: place.topic.acks, targets: [target]).encoded()
    underWay += 1
    connection.send(.logServiceProduce, request, Self.callOptions) { result in
      sink.yield(Answer(lane: lane, batches: indices, result: result))
    }
  }

  /// Takes in what was answered. Returns false where the connection is lost; throws where the answer is wrong.
  private mutating func take(_ answer: Answer) throws -> Bool {
    let bytes: ByteBuffer
    switch answer.result {
    case .success(let response): bytes = response
    case .failure(let error):
      guard error.code == .unavailable, error.error == .unspecified else {
        throw FuzzFailure("producer \(number), \(lanes[answer.lane].place): \(error)")
      }
      return false
    }
    let response = try ProduceResponse(decoding: bytes)
    guard let result = response.results.first, response.results.count == 1, result.error == nil,
      result.batches.count == answer.batches.count
    else { throw FuzzFailure("producer \(number), \(lanes[answer.lane].place): answered with \(response)") }
    for (index, batch) in zip(answer.batches, result.batches) {
      try lanes[answer.lane].acknowledge(index, batch)
      if batch.duplicate { tally.duplicates += 1 }
    }
    return true
  }
}
