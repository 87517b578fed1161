internal import NIOCore
internal import TailraceWire

/// Takes records out of batches of one partition: checks, decompresses, and leaves out what lies before the place asked
/// for.
struct LaneReader {
  private let topic: String
  private let partition: Int
  private let batches: [FetchedBatch]
  private var next = 0
  private var reader: RecordBatchReader?
  /// The offset behind what was taken, records that are no more included.
  private(set) var position: Int64

  init(_ partition: TopicPartition, _ batches: [FetchedBatch], from offset: Int64) {
    topic = partition.topic
    self.partition = partition.partition
    self.batches = batches
    position = offset
  }

  /// The next record; nil at the end. Fails with DATA_LOSS at a batch that is damaged, and there again if asked again.
  @inline(__always)
  mutating func nextRecord() throws(TailraceError) -> ConsumerRecord? {
    while true {
      if reader != nil {
        let record: StoredRecord?
        var headers: [RecordHeader] = []
        do throws(RecordBatchError) {
          record = try reader?.next { count, name, value in
            if headers.isEmpty { headers.reserveCapacity(count) }
            headers.append(RecordHeader(name, value))
          }
        } catch {
          throw fail(error)
        }
        if let record {
          let offset = record.offset.rawValue
          guard offset >= position else { continue }
          position = offset + 1
          return ConsumerRecord(record, headers, topic: topic, partition: partition)
        }
        // Behind the last record may be offsets without one.
        finishBatch()
      }
      guard try openBatch() else { return nil }
    }
  }

  private mutating func finishBatch() {
    reader = nil
    position = max(position, batches[next].wanted.upperBound)
    next += 1
  }

  private mutating func openBatch() throws(TailraceError) -> Bool {
    guard next < batches.count else { return false }
    let batch = batches[next]
    position = max(position, batch.wanted.lowerBound)
    do throws(RecordBatchError) {
      reader = try RecordBatchReader(header: batch.header, records: batch.records)
    } catch {
      throw fail(error)
    }
    return true
  }

  private mutating func fail(_ error: RecordBatchError) -> TailraceError {
    reader = nil
    return TailraceError(
      TailraceError.Code(error.code), "\(TopicPartition(topic, partition)): \(error.message)", isRetriable: false)
  }
}

extension ConsumerRecord {
  fileprivate init(_ record: StoredRecord, _ headers: [RecordHeader], topic: String, partition: Int) {
    self.init(
      topic: topic, partition: partition, offset: record.offset.rawValue, timestampMs: record.timestampMs,
      key: record.key, value: record.value, headers: headers)
  }
}
