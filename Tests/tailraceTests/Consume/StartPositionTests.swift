import Testing

@testable import tailrace

@Suite struct StartPositionTests {
  @Test(arguments: [
    ("beginning", StartPosition.beginning), ("end", .end), ("0", .offset(0)), ("2026", .offset(2026)),
    ("9223372036854775807", .offset(.max)), ("1970-01-01T00:00:01Z", .timestamp(1_000)),
    ("1970-01-02", .timestamp(86_400_000)),
  ])
  func `positions are read`(text: String, position: StartPosition) {
    #expect(StartPosition(argument: text) == position)
  }

  @Test(arguments: ["", "Beginning", "-1", "+1", "1.5", "9223372036854775808", "yesterday", "2026-13-01"])
  func `what is no position is refused`(text: String) {
    #expect(StartPosition(argument: text) == nil)
  }
}
