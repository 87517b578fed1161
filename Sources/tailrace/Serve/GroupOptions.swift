import ArgumentParser
import TailraceGroups

/// What consumer groups may grow to, and how long they are remembered.
struct GroupOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Hours after which a consumer group without members is forgotten, and its offsets; 0: never.")
  var offsetsRetentionHours: Int = Int((GroupLimits().offsetsRetentionMs ?? 0) / 3_600_000)

  @Option(parsing: .unconditional, help: "Members of a consumer group.")
  var maxGroupMembers: Int = GroupLimits().maxMembers

  @Option(
    parsing: .unconditional, help: "Milliseconds between two heartbeats of a member, where its time-outs leave it that."
  )
  var groupHeartbeatMs: Int = Int(GroupLimits().heartbeatIntervalMs)

  func validate() throws {
    let bounds: [(flag: String, value: Int, range: ClosedRange<Int>)] = [
      ("--offsets-retention-hours", offsetsRetentionHours, 0...876_000),
      ("--max-group-members", maxGroupMembers, 1...50_000),
      ("--group-heartbeat-ms", groupHeartbeatMs, 100...60_000),
    ]
    for (flag, value, range) in bounds where !range.contains(value) {
      throw ValidationError("\(flag) is \(value); \(range.lowerBound) to \(range.upperBound) are allowed")
    }
  }

  var limits: GroupLimits {
    var limits = GroupLimits()
    limits.offsetsRetentionMs = offsetsRetentionHours == 0 ? nil : Int64(offsetsRetentionHours) * 3_600_000
    limits.maxMembers = maxGroupMembers
    limits.heartbeatIntervalMs = UInt32(clamping: groupHeartbeatMs)
    return limits
  }
}
