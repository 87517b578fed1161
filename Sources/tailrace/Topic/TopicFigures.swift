import TailraceWire

/// A topic as it stands, for printing.
struct TopicFigures {
  let response: DescribeTopicResponse

  init(_ response: DescribeTopicResponse) { self.response = response }

  /// Offsets between start and end, of all partitions.
  var offsetCount: UInt64 {
    sum { UInt64(clamping: max(0, $0.highWatermark.subtractingReportingOverflow($0.logStartOffset).partialValue)) }
  }

  /// Of all partitions' segments.
  var sizeBytes: UInt64 { sum(\.sizeBytes) }

  private func sum(_ part: (PartitionDescription) -> UInt64) -> UInt64 {
    response.partitions.reduce(0) { total, partition in
      let (sum, overflow) = total.addingReportingOverflow(part(partition))
      return overflow ? .max : sum
    }
  }

  /// "3 partitions with 1200 records, 4.2 MiB".
  var words: String {
    let count = UInt32(clamping: response.partitions.count)
    return "\(partitionsText(count)) with \(recordsText(Int(clamping: offsetCount))), \(Quantity.bytes(sizeBytes))"
  }

  func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .text: head + partitions
    case .json: [json]
    }
  }

  private var head: [String] {
    let id = response.topic.flatMap { TopicID($0.topicID) }
    let settings = response.config.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    return [
      "topic:      \(response.topic?.name ?? "")", "id:         \(id.map { "\($0)" } ?? "-")",
      "created:    \(Timestamp.format(response.createdAtMs))", "partitions: \(response.partitions.count)",
      "offsets:    \(offsetCount)", "size:       \(Quantity.bytes(sizeBytes))",
      "config:     \(settings.isEmpty ? "-" : settings)",
    ].map(\.withoutControls) + [""]
  }

  private var partitions: [String] {
    var table = Table(["PARTITION", "START", "END", "DURABLE", "BYTES", "SEGMENTS", "EPOCH"])
    var faults: [String] = []
    for partition in response.partitions {
      table.add([
        "\(partition.partition)", "\(partition.logStartOffset)", "\(partition.highWatermark)",
        "\(partition.durableEndOffset)", "\(partition.sizeBytes)", "\(partition.segmentCount)",
        "\(partition.partitionEpoch)",
      ])
      if !partition.fault.isEmpty {
        faults.append("fault of partition \(partition.partition): \(partition.fault)".withoutControls)
      }
    }
    return table.lines + faults
  }

  private var json: String {
    JSONWriter.object { json in
      json.members(of: response.topic ?? TopicSummary())
      json.member("created_at", response.createdAtMs)
      json.member("size_bytes", sizeBytes)
      json.member("config", response.config) { json, entry in
        json.object { json in
          json.member("name", entry.name)
          json.member("value", entry.value)
        }
      }
      json.member("partitions", response.partitions) { json, partition in
        json.object { json in
          json.member("partition", partition.partition)
          json.member("start", partition.logStartOffset)
          json.member("end", partition.highWatermark)
          json.member("durable_end", partition.durableEndOffset)
          json.member("size_bytes", partition.sizeBytes)
          json.member("segments", partition.segmentCount)
          json.member("epoch", partition.partitionEpoch)
          json.member("fault", partition.fault.isEmpty ? nil : partition.fault)
        }
      }
    }
  }
}
