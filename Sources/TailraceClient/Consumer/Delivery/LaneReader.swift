internal import NIOCore
internal import TailraceWire

/// Takes records out of batches of one partition: checks, decompresses, and leaves out what lies before the place asked
/// for.
struct LaneReader: Sendable {
  private let topic: String
  private let partition: Int
  private let batches: [FetchedBatch]
  private var next = 0
  /// Of the batch that is open; else one that is at its end.
  private var reader = RecordBatchReader.empty
  private var isOpen = false
  /// The offset behind what was taken, records that are no more included.
  private(set) var position: Int64

  init(_ partition: TopicPartition, _ batches: [FetchedBatch], from offset: Int64) {
    topic = partition.topic
    self.partition = partition.partition
    self.batches = batches
    position = offset
  }

  /// Of nothing: at its end.
  static let empty = LaneReader(TopicPartition("", 0), [], from: 0)

  /// The next record; nil at the end. Fails with DATA_LOSS at a batch that is damaged, and there again if asked again.
  @inline(__always)
  mutating func nextRecord() throws(TailraceError) -> ConsumerRecord? {
    while true {
      var headers: [RecordHeader] = []
      let record: StoredRecord?
      do throws(RecordBatchError) {
        record = try reader.next { count, name, value in
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
      guard try openNext() else { return nil }
    }
  }

  /// Leaves the batch that is at its end for the next; false where there is none.
  private mutating func openNext() throws(TailraceError) -> Bool {
    if isOpen {
      isOpen = false
      // Behind the last record may be offsets without one.
      position = max(position, batches[next].wanted.upperBound)
      next += 1
    }
    guard next < batches.count else { return false }
    let batch = batches[next]
    position = max(position, batch.wanted.lowerBound)
    do throws(RecordBatchError) {
      reader = try RecordBatchReader(header: batch.header, records: batch.records)
    } catch {
      throw fail(error)
    }
    isOpen = true
    return true
  }

  private mutating func fail(_ error: RecordBatchError) -> TailraceError {
    (reader, isOpen) = (.empty, false)
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
