import TailraceWire

/// A broker as it describes itself, for printing.
struct ClusterFigures {
  let response: DescribeClusterResponse

  init(_ response: DescribeClusterResponse) { self.response = response }

  private var id: String? { TopicID(response.clusterID).map { "\($0)" } }

  /// Name and value of each bound, in the order of the schema.
  private var limits: [(name: String, value: UInt64)] {
    let limits = response.limits ?? Limits()
    return [
      ("max_frame_bytes", UInt64(limits.maxFrameBytes)), ("max_header_bytes", UInt64(limits.maxHeaderBytes)),
      ("max_calls_in_flight", UInt64(limits.maxCallsInFlight)), ("max_bytes_in_flight", limits.maxBytesInFlight),
      ("max_nesting_depth", UInt64(limits.maxNestingDepth)), ("idle_timeout_ms", limits.idleTimeoutMs),
      ("max_batch_bytes", UInt64(limits.maxBatchBytes)),
      ("max_partitions_per_topic", UInt64(limits.maxPartitionsPerTopic)),
      ("max_connections", UInt64(limits.maxConnections)),
    ]
  }

  func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .text: text
    case .json: [json]
    }
  }

  private var text: [String] {
    let disk = response.disk.map {
      "\(Quantity.bytes($0.availableBytes)) available, \(Quantity.bytes($0.reserveBytes)) of them kept free"
    }
    let head = [
      "cluster:  \(id ?? "-")", "version:  \(response.serverVersion)",
      "uptime:   \(Quantity.duration(ms: response.uptimeMs))",
      "time:     \(response.nowMs == 0 ? "-" : Timestamp.format(response.nowMs))", "topics:   \(response.topicCount)",
      "disk:     \(disk ?? "-")", "features: \(response.features.joined(separator: " "))",
    ]
    var bounds = Table(["LIMIT", "VALUE"])
    for limit in limits { bounds.add([limit.name, "\(limit.value)"]) }
    var methods = Table(["METHOD", "IMPLEMENTED"])
    for method in response.methods { methods.add([method.name, method.implemented ? "yes" : "no"]) }
    return (head + [""] + bounds.lines + [""] + methods.lines).map(\.withoutControls)
  }

  private var json: String {
    JSONWriter.object { json in
      json.member("id", id)
      json.member("version", response.serverVersion)
      json.member("uptime_ms", response.uptimeMs)
      json.member("time", response.nowMs == 0 ? nil : response.nowMs)
      json.member("topic_count", response.topicCount)
      json.name("disk")
      if let disk = response.disk {
        json.object { json in
          json.member("available_bytes", disk.availableBytes)
          json.member("reserve_bytes", disk.reserveBytes)
        }
      } else {
        json.null()
      }
      json.name("limits")
      json.object { json in
        for limit in limits { json.member(limit.name, limit.value) }
      }
      json.member("features", response.features) { $0.string($1) }
      json.member("methods", response.methods) { json, method in
        json.object { json in
          json.member("name", method.name)
          json.member("implemented", method.implemented)
          json.member("server_streaming", method.serverStreaming)
        }
      }
    }
  }
}
