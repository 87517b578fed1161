import CTailraceBench
import Foundation
import Histogram
import NIOCore
import TailraceWire

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

extension LoadResult {
  /// Latencies of a run that are kept; closed loops may have more calls.
  static let latencyCapacity = 4 << 20
  /// The longest latency that is told from longer ones: an hour.
  private static let longestLatencyNs: UInt64 = 3_600_000_000_000

  /// Runs one of the C programs against `target`, nil where there is no server. `body` gets room for latencies, how many
  /// fit, and where the result goes, and returns an errno value.
  static func measure(
    _ target: BenchTarget?,
    _ body: (UnsafeMutablePointer<UInt64>?, UInt64, inout ctb_load_result) throws -> Int32
  ) throws -> LoadResult {
    var latencies = [UInt64](repeating: 0, count: latencyCapacity)
    var result = ctb_load_result()
    let cpuBefore = target?.cpuSeconds ?? 0
    let error = try latencies.withUnsafeMutableBufferPointer { room in
      try body(room.baseAddress, UInt64(room.count), &result)
    }
    let cpuAfter = target?.cpuSeconds ?? 0
    guard result.failures == 0 else {
      throw BenchError(description: "\(result.failures) calls failed; the first: \(firstFailure(&result))")
    }
    guard error != ETIME else { throw BenchError(description: "the rate is more than the broker keeps up with") }
    guard error == 0, result.calls > 0 else {
      let reason = error == 0 ? "no call was answered in time" : "\(SystemError(code: error))"
      throw BenchError(description: "the load\(target.map { " on \($0.host):\($0.port)" } ?? "") broke off: \(reason)")
    }
    return LoadResult(
      calls: result.calls, seconds: result.seconds, bytesReceived: result.bytes_received,
      clientCPUSeconds: result.cpu_seconds, serverCPUSeconds: cpuAfter - cpuBefore,
      latencies: histogram(latencies.prefix(Int(result.latency_count))))
  }

  /// Of a run without single calls.
  static let noLatencies = histogram([])

  private static func histogram(_ values: some Sequence<UInt64>) -> Histogram<UInt32> {
    var histogram = Histogram<UInt32>(
      lowestDiscernibleValue: 1, highestTrackableValue: longestLatencyNs, numberOfSignificantValueDigits: .three)
    for value in values { histogram.record(min(value, longestLatencyNs)) }
    return histogram
  }

  private static func firstFailure(_ result: inout ctb_load_result) -> String {
    withUnsafeBytes(of: &result.first_failure) { bytes in
      let header = ByteBuffer(bytes: bytes[1...].prefix(Int(bytes[0])))
      guard let decoded = try? ResponseHeader(decoding: header), let error = RPCError(decoded.status) else {
        return "unreadable"
      }
      return "\(error)"
    }
  }
}
