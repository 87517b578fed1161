import Foundation

/// One measured line: a workload on a server, or on what it is held against.
struct BenchLine {
  var name: String
  var settings: [(String, String)]
  var result: LoadResult
  /// Records in a call; 0 where calls carry none.
  var recordsPerCall = 0
  /// Payload bytes of a call, for throughput.
  var bytesPerCall = 0
  var serverResidentBytes = 0

  /// For a person, on one line.
  var text: String {
    var parts = [name.padding(toLength: max(24, name.count), withPad: " ", startingAt: 0)]
    parts.append(String(format: "%10.0f calls/s", result.callsPerSecond))
    if recordsPerCall > 0 { parts.append(String(format: "%10.0f records/s", perSecond(recordsPerCall))) }
    if bytesPerCall > 0 { parts.append(String(format: "%8.1f MB/s", perSecond(bytesPerCall) / 1e6)) }
    parts.append(
      String(
        format: "p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us", result.microseconds(50),
        result.microseconds(99), result.microseconds(99.9), result.microseconds(100)))
    parts.append(String(format: "CPU client %.2f s, server %.2f s", result.clientCPUSeconds, result.serverCPUSeconds))
    return parts.joined(separator: "  ")
  }

  /// For a program, one JSON object on one line.
  var json: String {
    var members = ["\"name\":\"\(name)\""]
    members += settings.map { "\"\($0.0)\":\"\($0.1)\"" }
    members += [
      "\"count\":\(result.calls)", number("seconds", result.seconds), number("per_second", result.callsPerSecond),
      number("records_per_second", perSecond(recordsPerCall)), number("mb_per_second", perSecond(bytesPerCall) / 1e6),
      number("p50_us", result.microseconds(50)), number("p99_us", result.microseconds(99)),
      number("p999_us", result.microseconds(99.9)), number("max_us", result.microseconds(100)),
      number("client_cpu_s", result.clientCPUSeconds), number("server_cpu_s", result.serverCPUSeconds),
      "\"server_rss_bytes\":\(serverResidentBytes)",
    ]
    return "{\(members.joined(separator: ","))}"
  }

  private func perSecond(_ perCall: Int) -> Double { result.callsPerSecond * Double(perCall) }

  private func number(_ name: String, _ value: Double) -> String { "\"\(name)\":\(String(format: "%.3f", value))" }
}

/// How results are printed.
enum BenchOutput: String, CaseIterable, Sendable {
  case text
  case json

  func print(_ line: BenchLine) {
    Swift.print(self == .json ? line.json : line.text)
  }

  /// A ratio of medians, with what it is of.
  func print(ratio: Double, of name: String) {
    let value = String(format: "%.3f", ratio)
    Swift.print(self == .json ? "{\"name\":\"\(name)\",\"ratio\":\(value)}" : "\(name): \(value)")
  }
}

/// The middle value; 0 of none.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return 0 }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
