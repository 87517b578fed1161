import CTailraceBench
import Histogram
import NIOCore
import TailraceWire

/// Request frames, encoded before a run: as many as are in flight, or a multiple of that.
struct LoadFrames {
  private(set) var frames: [ByteBuffer] = []
  let depth: Int
  private let encoder = FrameEncoder()

  init(depth: Int) { self.depth = depth }

  /// Adds a call; frames of one slot share a call id.
  mutating func append(_ method: RPCMethod, _ message: some WireMessage) throws {
    var frame = ByteBuffer()
    let header = RequestHeader(callID: UInt64(frames.count % depth) + 1, method: method.fullName)
    try encoder.writeRequest(header, message: try message.encoded(), to: &frame)
    frames.append(frame)
  }

  /// Drops what is past the last multiple of the depth.
  mutating func trim() { frames.removeLast(frames.count % depth) }
}

/// One run of the generator.
struct Load {
  var target: BenchTarget
  var connections: Int
  var frames: LoadFrames
  var warmUpSeconds: Double
  var seconds: Double
  /// 0 = no bound.
  var maxCalls: UInt64 = 0
}

/// What a run came to.
struct LoadResult {
  var calls: UInt64
  var seconds: Double
  var bytesReceived: UInt64
  var clientCPUSeconds: Double
  var serverCPUSeconds: Double
  /// Of latencies, in nanoseconds.
  var latencies: Histogram<UInt32>

  var callsPerSecond: Double { Double(calls) / seconds }

  /// A percentile of the latencies in microseconds; `percentile` is 0 to 100.
  func microseconds(_ percentile: Double) -> Double {
    Double(latencies.valueAtPercentile(percentile)) / 1_000
  }
}

/// Why a run is worth nothing.
struct BenchError: Error, CustomStringConvertible {
  let description: String
}

extension Load {
  private static let latencyCapacity = 4 << 20

  /// Runs the load on this thread and returns when it is over.
  func run() throws -> LoadResult {
    var latencies = [UInt32](repeating: 0, count: Self.latencyCapacity)
    var result = ctb_load_result()
    let cpuBefore = target.cpuSeconds
    let error = withCFrames { cFrames in
      target.host.withCString { host in
        var load = ctb_load(
          address: host, port: target.port, connections: UInt32(connections), depth: UInt32(frames.depth),
          frames: cFrames.baseAddress, frame_count: cFrames.count, warm_up_seconds: warmUpSeconds, seconds: seconds,
          max_calls: maxCalls)
        return ctb_run_load(&load, &latencies, UInt64(latencies.count), &result)
      }
    }
    guard error == 0 else {
      throw BenchError(description: "the load on \(target.host):\(target.port) broke off: \(SystemError(code: error))")
    }
    guard result.failures == 0, result.calls > 0 else {
      throw BenchError(
        description: "\(result.failures) of \(result.calls) calls failed; the first: \(firstFailure(&result))")
    }
    return LoadResult(
      calls: result.calls, seconds: result.seconds, bytesReceived: result.bytes_received,
      clientCPUSeconds: result.cpu_seconds, serverCPUSeconds: target.cpuSeconds - cpuBefore,
      latencies: histogram(latencies.prefix(Int(result.latency_count))))
  }

  private func histogram(_ values: some Sequence<UInt32>) -> Histogram<UInt32> {
    var histogram = Histogram<UInt32>(
      lowestDiscernibleValue: 1, highestTrackableValue: UInt64(UInt32.max), numberOfSignificantValueDigits: .three)
    for value in values { histogram.record(UInt64(value)) }
    return histogram
  }

  private func withCFrames<R>(_ body: (UnsafeBufferPointer<ctb_frame>) -> R) -> R {
    // One block for all, so that the pointers stay put for as long as the run takes.
    let bytes = frames.frames.flatMap { Array($0.readableBytesView) }
    return bytes.withUnsafeBufferPointer { block in
      var at = 0
      let cFrames = frames.frames.map { frame in
        defer { at += frame.readableBytes }
        return ctb_frame(data: block.baseAddress.map { $0 + at }, length: frame.readableBytes)
      }
      return cFrames.withUnsafeBufferPointer(body)
    }
  }

  private func firstFailure(_ result: inout ctb_load_result) -> String {
    withUnsafeBytes(of: &result.first_failure) { bytes in
      let header = ByteBuffer(bytes: bytes[1...].prefix(Int(bytes[0])))
      guard let decoded = try? ResponseHeader(decoding: header), let error = RPCError(decoded.status) else {
        return "unreadable"
      }
      return "\(error)"
    }
  }
}
