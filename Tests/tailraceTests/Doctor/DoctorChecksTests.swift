import TailraceWire
import Testing

@testable import tailrace

@Suite struct DoctorChecksTests {
  @Test func `a broker of another release is a warning`() {
    #expect(DoctorChecks.version(ofBroker: "1.0", ofTool: "1.0").state == .ok)
    #expect(DoctorChecks.version(ofBroker: "1.1", ofTool: "1.0").state == .warning)
  }

  @Test func `the median of the round trips counts, not the slowest`() {
    let finding = DoctorChecks.latency([.milliseconds(1), .seconds(9), .milliseconds(2)])
    #expect(finding.state == .ok)
    #expect(finding.detail == "2.00 ms there and back, the median of 3")
    #expect(DoctorChecks.latency([.milliseconds(101)]).state == .warning)
    #expect(DoctorChecks.latency([]).state == .ok)
  }

  @Test(
    arguments: [
      (1_000, 1_000, 1_010, .ok, "agree"), (500, 1_000, 1_010, .ok, "within 500 ms"),
      (0, 5_000, 5_000, .ok, "not tell"),
      (1_000, 62_000, 62_100, .warning, "1 min 1 s behind"), (90_000_000, 5_000, 6_000, .warning, "1 d ahead of"),
      (.max, 1, 2, .warning, "ahead of"), (1, .max, .max, .warning, "behind"),
    ] as [(Int64, Int64, Int64, DoctorFinding.State, String)])
  func `clocks that are more than a second apart are a warning`(
    broker: Int64, before: Int64, after: Int64, state: DoctorFinding.State, text: String
  ) {
    let finding = DoctorChecks.clock(brokerMs: broker, before: before, after: after)
    #expect(finding.state == state)
    #expect(finding.detail.contains(text), "\(finding.detail)")
  }

  @Test func `a disk with nothing left but the reserve fails, one that is nearly so warns`() {
    let reserve: UInt64 = 256 << 20
    func state(_ available: UInt64) -> DoctorFinding.State {
      DoctorChecks.disk(DiskSpace(availableBytes: available, reserveBytes: reserve)).state
    }
    #expect(state(0) == .failure)
    #expect(state(reserve) == .failure)
    #expect(state(reserve + 1) == .warning)
    #expect(state(reserve + 1 << 30) == .ok)
    #expect(state(.max) == .ok)
    #expect(DoctorChecks.disk(nil).state == .ok)
    #expect(DoctorChecks.disk(DiskSpace(availableBytes: 1, reserveBytes: reserve)).exitCode == 16)
  }

  @Test func `few connections are a warning, and a fault of a partition a failure`() {
    #expect(DoctorChecks.limits(Limits(maxConnections: 384)).hint?.contains("LimitNOFILE") == true)
    #expect(DoctorChecks.limits(Limits(maxConnections: 10_000)).state == .ok)
    #expect(DoctorChecks.topics(count: 2, faults: []).detail == "2 topics, none of them damaged")
    let fault = DoctorChecks.topics(count: 1, faults: ["partition 0 of 'a': bad", "partition 1 of 'a': bad"])
    #expect(fault.exitCode == 23)
    #expect(fault.detail == "2 of the partitions of 1 topic have a fault: partition 0 of 'a': bad, and others")
  }

  @Test func `a finding is a line, with its hint below, or an object`() {
    let finding = DoctorFinding.failure("disk", "none\u{1B}[2J", hint: "free some", .resourceExhausted)
    #expect(finding.lines(.text) == ["failure  disk        none [2J", "         hint: free some"])
    #expect(
      finding.lines(.json) == [
        #"{"check":"disk","state":"failure","detail":"none\u001b[2J","hint":"free some"}"#
      ])
  }
}
