import CTailraceWire
import Foundation

/// What a process takes, in bytes, as proc(5) has it.
struct FuzzMemory {
  var resident = 0
  /// The most that was ever resident.
  var peakResident = 0
  /// The most address space ever, memory asked for and never touched included.
  var peakAddressSpace = 0

  /// What this process has allocated and not freed, as its allocator counts; 0 where it does not.
  static var allocatedBytes: Int { trw_allocated_bytes() }

  /// Of this process; of another one by its id. All 0 where there is no /proc.
  static func now(processID: Int32? = nil) -> FuzzMemory {
    let path = "/proc/\(processID.map(String.init) ?? "self")/status"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return FuzzMemory() }
    var memory = FuzzMemory()
    for line in text.split(separator: "\n") {
      let parts = line.split(whereSeparator: { $0 == ":" || $0 == " " || $0 == "\t" })
      guard parts.count > 1, let kibibytes = Int(parts[1]) else { continue }
      switch parts[0] {
      case "VmRSS": memory.resident = kibibytes << 10
      case "VmHWM": memory.peakResident = kibibytes << 10
      case "VmPeak": memory.peakAddressSpace = kibibytes << 10
      default: break
      }
    }
    return memory
  }
}

/// "12.3 MiB".
func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
