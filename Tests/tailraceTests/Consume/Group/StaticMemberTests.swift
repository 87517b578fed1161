import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

private let lost = RPCError(.unavailable, "the connection was lost")
private let isHeartbeat: @Sendable (GroupCall) -> Bool = { if case .heartbeat = $0 { true } else { false } }
private let isConnect: @Sendable (GroupCall) -> Bool = { if case .connect = $0 { true } else { false } }
private let isDescribe: @Sendable (GroupCall) -> Bool = { if case .describe = $0 { true } else { false } }

/// A member with an instance id, which another process may have taken meanwhile.
@Suite struct StaticMemberTests {
  @Test(arguments: [ErrorCode.fencedMember, .unknownMember])
  func `a static member that is out ends where another one has its place, and says so once`(code: ErrorCode) {
    var play = GroupConsumerPlay.settled([0], instanceID: "i")
    play.fail(isHeartbeat, RPCError(.failedPrecondition, "out", error: code))
    play.pass(ms: Backoff.firstMs)
    #expect(play.isDescribing && play.join == nil)
    play.describe(members: [("other", "j"), ("new", "i"), ("plain", nil)])
    #expect(play.consumer.hasEnded)
    #expect(play.consumer.reason?.exitCode == 17)
    #expect(
      play.consumer.reason?.message.contains("by another process with the same instance id, 'i': client-new") == true)
    #expect(play.said.isEmpty)
    #expect(play.calls.isEmpty)
  }

  @Test func `a static member that was paused past its session looks before it joins`() {
    var play = GroupConsumerPlay.settled([0], instanceID: "i")
    play.pass(ms: 45_000)
    play.pass(ms: Backoff.firstMs)
    #expect(play.isDescribing && play.join == nil && play.fetch == nil)
    play.describe(members: [("new", "i")])
    #expect(play.consumer.hasEnded)
    #expect(play.consumer.reason?.exitCode == 17)
  }

  @Test func `a static member whose place nobody has joins again`() {
    var play = GroupConsumerPlay.settled([0], instanceID: "i")
    play.fail(isHeartbeat, RPCError(.failedPrecondition, "out", error: .fencedMember))
    play.pass(ms: Backoff.firstMs)
    #expect(play.said.isEmpty)
    play.describe(members: [("m", "i"), ("other", "j")])
    #expect(play.join?.memberID == "m")
    #expect(play.said.count == 1)
    play.joined([0])
    #expect(play.position != nil)
  }

  @Test(arguments: [ErrorCode.unknownGroup, .limitReached])
  func `a static member joins a group that is not there, or too large to look at`(code: ErrorCode) {
    var play = GroupConsumerPlay.settled([0], instanceID: "i")
    play.fail(isHeartbeat, RPCError(.notFound, "out", error: .unknownMember))
    play.pass(ms: Backoff.firstMs)
    play.fail(isDescribe, RPCError(code == .limitReached ? .resourceExhausted : .notFound, "?", error: code))
    #expect(play.join?.memberID == "m")
  }

  @Test func `a static member looks once the broker is back`() {
    var play = GroupConsumerPlay.settled([0], instanceID: "i")
    play.fail(isHeartbeat, lost)
    play.pass(ms: 45_000)
    play.fail(isConnect, lost)
    play.pass(ms: Backoff.maxMs)
    play.answer(.connected)
    #expect(play.isDescribing && play.join == nil)
    play.fail(isDescribe, lost)
    play.pass(ms: Backoff.maxMs)
    play.answer(.connected)
    play.describe(members: [])
    #expect(play.join != nil)
  }
}
