import TailraceClient
import TailraceWire

/// Reads a partition from its beginning to its end and compares it with what was acked.
struct FuzzKillCheck {
  struct Tally {
    var fetches = 0
    var records = 0
    /// Records of the compacted topic that have made place for later ones.
    var compactedAway = 0
  }

  /// How far one producer's records were seen.
  private struct Progress {
    let lane: FuzzKillLane
    let producerID: Int64
    var nextNumber = 0
    /// Index of the batch that `nextNumber` is in.
    var batch = 0
    var lastOffset: Int64 = -1
    /// The last number of each key.
    var lastOfKey = Array(repeating: -1, count: FuzzKillRecords.keys)

    init(lane: FuzzKillLane, producerID: Int64) {
      self.lane = lane
      self.producerID = producerID
    }

    /// Goes on to record `number`. Returns how many were left out, as only a compacted topic does.
    mutating func advance(
      to number: Int, _ offset: Int64, _ isCompacted: Bool, _ label: String
    ) throws(FuzzFailure) -> Int {
      guard number >= nextNumber else {
        throw FuzzFailure("\(label) is there again, or out of order: \(nextNumber) comes next")
      }
      guard number == nextNumber || isCompacted else {
        throw FuzzFailure("\(label) follows \(nextNumber - 1), at offset \(lastOffset): those between are lost")
      }
      while lane.batches[batch].numbers.upperBound <= number { batch += 1 }
      let sent = lane.batches[batch]
      let acked = (sent.offset ?? -1) + Int64(number - sent.numbers.lowerBound)
      guard sent.offset == nil || acked == offset else { throw FuzzFailure("\(label) was acked at offset \(acked)") }
      defer { nextNumber = number + 1 }
      lastOffset = offset
      lastOfKey[number % FuzzKillRecords.keys] = number
      return number - nextNumber
    }
  }

  private let place: FuzzKillPlace
  private var progress: [Progress]
  private var nextOffset: Int64 = 0
  private(set) var tally = Tally()

  private var isCompacted: Bool { place.topic == .compacted }

  init(_ place: FuzzKillPlace, _ producers: [FuzzKillProducer]) {
    self.place = place
    progress = producers.compactMap { producer in
      producer.lanes.first { $0.place == place }.map { Progress(lane: $0, producerID: producer.producerID ?? 0) }
    }
  }

  /// Throws with the first thing that is wrong.
  mutating func run(_ connection: Connection) async throws {
    var highWatermark: Int64
    repeat {
      let target = FetchTarget(topic: place.topic.rawValue, partition: place.partition, offset: nextOffset)
      let response = try await LogServiceClient(caller: connection)
        .fetch(FetchRequest(targets: [target], maxBytes: 4 << 20), options: FuzzKillProducer.callOptions)
      tally.fetches += 1
      guard let found = response.partitions.first, found.error == nil else {
        throw FuzzFailure("\(place) cannot be read at offset \(nextOffset): \(response)")
      }
      highWatermark = found.highWatermark
      let before = nextOffset
      for batch in found.batches { try check(batch) }
      guard nextOffset > before || nextOffset >= highWatermark else {
        throw FuzzFailure("\(place): nothing at offset \(nextOffset), below the high watermark \(highWatermark)")
      }
    } while nextOffset < highWatermark
    guard nextOffset == highWatermark else {
      throw FuzzFailure("\(place): read up to \(nextOffset), past the high watermark \(highWatermark)")
    }
    for producer in progress { try checkEnd(producer) }
  }

  private mutating func check(_ message: RecordBatch) throws {
    let header = try RecordBatchHeader(checking: message)
    let base = header.baseOffset.rawValue
    guard base == nextOffset || isCompacted && base > nextOffset else {
      throw FuzzFailure("\(place): a batch begins at offset \(base), and \(nextOffset) comes next")
    }
    var reader = try RecordBatchReader(header: header, records: message.records)
    var next = base
    while let record = try reader.next() {
      guard record.offset.rawValue == next || isCompacted && record.offset.rawValue > next else {
        throw FuzzFailure("\(place): a record at offset \(record.offset), and \(next) comes next")
      }
      try check(record, header)
      next = record.offset.rawValue + 1
      tally.records += 1
    }
    nextOffset = base + Int64(header.lastOffsetDelta) + 1
    guard next == nextOffset || isCompacted && next < nextOffset else {
      throw FuzzFailure("\(place): the batch at offset \(base) ends at \(next), not \(nextOffset)")
    }
  }

  private mutating func check(_ record: StoredRecord, _ header: RecordBatchHeader) throws {
    let offset = record.offset.rawValue
    guard let name = FuzzKillRecordName(record.value), name.topic == place.topic.rawValue,
      name.partition == place.partition, progress.indices.contains(name.producer)
    else { throw FuzzFailure("\(place), offset \(offset): a record that was never sent to it: \(record)") }
    let number = name.number
    let label = "\(place), offset \(offset): record \(number) of producer \(name.producer)"
    let records = progress[name.producer].lane.records
    guard number >= 0, number < progress[name.producer].lane.recordCount else {
      throw FuzzFailure("\(label) was never sent")
    }
    guard record.value == records.value(number), record.key == records.key(number) else {
      throw FuzzFailure("\(label) is not as it was sent")
    }
    guard header.producerID == progress[name.producer].producerID,
      Int(header.baseSequence) == number - Int(offset - header.baseOffset.rawValue)
    else {
      throw FuzzFailure("\(label) is in a batch of producer id \(header.producerID), sequence \(header.baseSequence)")
    }
    tally.compactedAway += try progress[name.producer].advance(to: number, offset, isCompacted, label)
  }

  /// All that was sent was acked: so the last record is there, and the last of each key.
  private func checkEnd(_ progress: Progress) throws {
    let count = progress.lane.recordCount
    let label = "\(place): of producer \(progress.lane.records.producer)'s \(count) acked records"
    guard progress.nextNumber == count else {
      throw FuzzFailure("\(label) those from \(progress.nextNumber) on are lost")
    }
    for number in max(0, count - FuzzKillRecords.keys)..<count
    where progress.lastOfKey[number % FuzzKillRecords.keys] != number {
      throw FuzzFailure("\(label) number \(number), the last of its key, is lost")
    }
  }
}
