import TailraceWire

/// What one producer sends to one partition, and what was answered. A plain value.
struct FuzzKillLane: Sendable {
  struct Batch: Sendable {
    /// Numbers of its records; the first is its sequence.
    let numbers: Range<Int>
    /// Where it was acked; nil as long as it was not.
    var offset: Int64?
    var sent = 0
  }

  let records: FuzzKillRecords
  private(set) var batches: [Batch] = []
  /// All batches below are acked.
  private(set) var firstOpen = 0

  var place: FuzzKillPlace { records.place }

  /// How many records there are, sent at least once.
  var recordCount: Int { batches.last?.numbers.upperBound ?? 0 }

  var isAcked: Bool { firstOpen == batches.count }

  /// Batches from the first that is not acked on: a broker remembers so many.
  var openCount: Int { batches.count - firstOpen }

  /// Those that have to be sent again over a new connection, in order.
  var unacked: [Int] { (firstOpen..<batches.count).filter { batches[$0].offset == nil } }

  /// The offset after all that was acked.
  var ackedEnd: Int64 {
    // Acks of batches that were sent together come in any order.
    batches.suffix(2 * ProducerLimits.batchesUnderWay).reduce(0) { end, batch in
      max(end, batch.offset.map { $0 + Int64(batch.numbers.count) } ?? 0)
    }
  }

  init(records: FuzzKillRecords) { self.records = records }

  /// Makes the next batch; returns its index.
  mutating func add(recordCount count: Int) -> Int {
    batches.append(Batch(numbers: recordCount..<recordCount + count))
    return batches.count - 1
  }

  mutating func noteSent(_ index: Int) { batches[index].sent += 1 }

  /// Takes in an ack. Throws where it makes no sense.
  mutating func acknowledge(_ index: Int, _ result: BatchResult) throws(FuzzFailure) {
    let batch = batches[index]
    let name = "batch \(index) of producer \(records.producer) in \(place), records \(batch.numbers)"
    if let error = result.error {
      throw FuzzFailure("\(name), sent \(batch.sent) times: \(error.code.name): \(error.message)")
    }
    guard batch.offset == nil else { throw FuzzFailure("\(name): acked twice") }
    guard result.baseOffset >= 0 else { throw FuzzFailure("\(name): acked at offset \(result.baseOffset)") }
    guard !result.duplicate || batch.sent > 1 else {
      throw FuzzFailure("\(name): answered as a duplicate, of offset \(result.baseOffset), though it was sent once")
    }
    batches[index].offset = result.baseOffset
    while firstOpen < batches.count, batches[firstOpen].offset != nil { firstOpen += 1 }
  }
}

/// What a producer keeps to.
enum ProducerLimits {
  /// In one partition: as many as the broker remembers of it.
  static let batchesUnderWay = 5
}
