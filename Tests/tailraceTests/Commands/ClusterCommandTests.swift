import Foundation
import TailraceWire
import Testing

@testable import tailrace

@Suite struct ClusterCommandTests {
  @Test func `the broker is described with its clock, disk, limits and methods`() throws {
    let broker = try Broker(["--max-connections", "123", "--disk-reserve-mib", "7"])
    try broker.createTopic("a")
    let before = Clock.nowMs()
    let text = try broker.output(of: ["cluster", "describe", "-o", "json"])
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(json["version"] as? String == Version.current)
    #expect((json["id"] as? String)?.count == 32)
    #expect(json["topic_count"] as? Int == 1)
    #expect((before...Clock.nowMs()).contains((json["time"] as? NSNumber)?.int64Value ?? 0))
    #expect((json["limits"] as? [String: Any])?["max_connections"] as? Int == 123)
    let disk = try #require(json["disk"] as? [String: Any])
    #expect(disk["reserve_bytes"] as? Int == 7 << 20)
    #expect((disk["available_bytes"] as? Int ?? 0) > 0)
    #expect((json["methods"] as? [Any])?.count == RPCMethod.allCases.count)
    let lines = try broker.run(["cluster", "describe"]).lines
    #expect(lines.contains("version:  \(Version.current)"))
    #expect(lines.contains { $0.hasPrefix("disk:     ") && $0.hasSuffix("7 MiB of them kept free") })
    #expect(lines.contains { $0.hasPrefix("max_connections ") && $0.hasSuffix(" 123") })
    #expect(lines.contains { $0.hasPrefix("tailrace.v1.LogService/Subscribe ") && $0.hasSuffix(" yes") })
  }
}
