import NIOCore
import TailraceTestSupport
@testable import TailraceTransport
import TailraceWire
import Testing

@Suite struct CallTableTests {
  @Test func `the table agrees with a dictionary over random operations`() {
    var random = SeededGenerator(for: "CallTableTests")
    var table = CallTable(capacity: 100)
    var model: [UInt64: CallID] = [:]
    var retired: [CallID] = []
    for step in 0..<200_000 {
      // The inverse of the hash's factor times a small number: all of them share a few buckets.
      let small = UInt64(random.below(300)) + 1
      let id = step % 2 == 0 ? small : small &* 0xF1DE_83E1_9937_733D
      if let known = model[id] {
        #expect(table.call(named: id) == known)
        #expect(table.admit(clientID: id, deadline: .distantFuture, credit: 0) == .inFlight)
        if random.below(3) > 0 {
          #expect(table.remove(known) == id)
          model[id] = nil
          retired.append(known)
        }
      } else {
        #expect(table.call(named: id) == nil)
        switch table.admit(clientID: id, deadline: .distantFuture, credit: 0) {
        case .admitted(let call): model[id] = call
        case .full: #expect(model.count == 100)
        case .inFlight: Issue.record("\(id) is not in flight")
        }
      }
      #expect(table.count == model.count)
      if let old = retired.last { #expect(table.remove(old) == nil) }
    }
    for (id, call) in model { #expect(table.call(named: id) == call, "seed \(random.seed)") }
  }

  @Test func `numbers of ours are never used twice and never 0`() throws {
    var table = CallTable(capacity: 2)
    var seen: Set<CallID> = []
    for _ in 0..<1000 {
      let call = try table.add(1)
      #expect(call.rawValue != 0 && seen.insert(call).inserted)
      #expect(table.remove(call) == 1)
      #expect(table.remove(call) == nil)
    }
  }

  @Test func `overdue calls are found and the earliest deadline is kept`() throws {
    var table = CallTable(capacity: 10)
    let times = [30, 10, 20].map { NIODeadline.uptimeNanoseconds($0) }
    var calls: [CallID] = []
    for (index, time) in times.enumerated() { calls.append(try table.add(UInt64(index + 1), deadline: time)) }
    #expect(table.earliestDeadline == times[1])
    #expect(table.overdue(at: .uptimeNanoseconds(9)).isEmpty)
    #expect(table.overdue(at: .uptimeNanoseconds(10)) == [calls[1]])
    #expect(table.earliestDeadline == times[2])
  }
}

extension CallTable {
  /// Admits a call that has to be.
  fileprivate mutating func add(_ clientID: UInt64, deadline: NIODeadline = .distantFuture) throws -> CallID {
    guard case .admitted(let call) = admit(clientID: clientID, deadline: deadline, credit: 0) else {
      throw RPCError(.internalError, "call \(clientID) was not admitted")
    }
    return call
  }
}
