import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

/// Against an array of calls.
@Suite struct InboundCallsTests {
  /// The queue, and what it should hold.
  private struct Run {
    var random: SeededGenerator
    let calls = InboundCalls()
    var expected: [InboundCall] = []
    private var lastID: UInt64 = 0

    init(_ random: SeededGenerator) { self.random = random }

    private mutating func newID() -> CallID {
      lastID += UInt64(1 + random.below(3))
      return CallID(rawValue: lastID)
    }

    private mutating func bytes() -> ByteBuffer {
      let count = random.below(200)
      var bytes = ByteBuffer(bytes: random.bytes(count))
      bytes.moveReaderIndex(forwardBy: random.below(count + 1))
      return bytes
    }

    private mutating func anyMethod() -> RPCMethod {
      RPCMethod.allCases.randomElement(using: &random) ?? .logServiceFetch
    }

    private mutating func anyDeadline() -> NIODeadline {
      random.below(2) == 0 ? .distantFuture : .uptimeNanoseconds(UInt64(random.below(1000)))
    }

    /// One operation. False where it did something else than an array would have done.
    mutating func step(isGrowing: Bool) -> Bool {
      switch random.below(8) {
      case 0: read()
      case 1: append()
      case 2: return remove()
      case 3, 4, 5: if isGrowing { read() } else { return pop() }
      default: return pop()
      }
      return true
    }

    /// Calls one behind the other in the bytes of one read, as many as fit or fewer.
    private mutating func read() {
      let bytes = bytes()
      calls.beginRead(bytes)
      var at = bytes.readerIndex
      for _ in 0..<random.below(5) {
        let start = Int.random(in: at...bytes.writerIndex, using: &random)
        at = Int.random(in: start...bytes.writerIndex, using: &random)
        let (id, method, deadline) = (newID(), anyMethod(), anyDeadline())
        calls.append(id, method, at: start..<at, deadline: deadline)
        let message = bytes.getSlice(at: start, length: at - start) ?? ByteBuffer()
        expected.append(InboundCall(id: id, method: method, message: message, deadline: deadline))
      }
      calls.endRead()
    }

    private mutating func append() {
      let metadata = (0..<random.below(3)).map { Metadata(key: "k\($0)", value: "\(lastID)") }
      let call = InboundCall(
        id: newID(), method: anyMethod(), message: bytes(), deadline: anyDeadline(), metadata: metadata)
      calls.append(call)
      expected.append(call)
    }

    /// Removes a call, or one that is not there.
    private mutating func remove() -> Bool {
      let place = expected.indices.randomElement(using: &random)
      guard let place, random.below(5) > 0 else { return !calls.remove(newID()) }
      return calls.remove(expected.remove(at: place).id)
    }

    mutating func pop() -> Bool {
      let call = calls.popFirst()
      guard !expected.isEmpty else { return call == nil }
      return call.map { Run.isEqual($0, expected.removeFirst()) } ?? false
    }

    private static func isEqual(_ one: InboundCall, _ other: InboundCall) -> Bool {
      one.id == other.id && one.method == other.method && one.message == other.message
        && one.deadline == other.deadline && one.metadata == other.metadata
    }

    var agrees: Bool {
      calls.count == expected.count && calls.isEmpty == expected.isEmpty && calls.ids == expected.map(\.id)
        && calls.heldBytes >= expected.reduce(0) { $0 + $1.message.readableBytes }
        && (calls.isEmpty ? calls.heldBytes == 0 : true)
    }
  }

  @Test func `whatever is appended, taken and removed, the queue holds what an array would`() {
    let random = SeededGenerator(for: "InboundCallsTests")
    var run = Run(random)
    for step in 0..<20_000 {
      // Now more comes than is taken, now more is taken than comes.
      guard run.step(isGrowing: step % 400 < 100), run.agrees else {
        Issue.record("seed \(random.seed), step \(step)")
        return
      }
    }
    while !run.expected.isEmpty {
      let isRight = run.pop()
      #expect(isRight && run.agrees, "seed \(random.seed)")
    }
    #expect(run.calls.isEmpty)
  }

  // MARK: What is kept

  private static let readBytes = 1000

  private static func id(_ number: Int) -> CallID { CallID(rawValue: UInt64(number)) }

  /// Reads with so many calls in each, numbered through from 1 on; and the buffers of the reads.
  private func reads(_ counts: [Int]) -> (InboundCalls, [ByteBuffer]) {
    let calls = InboundCalls()
    var buffers: [ByteBuffer] = []
    var number = 0
    for count in counts {
      buffers.append(ByteBuffer(repeating: UInt8(buffers.count), count: Self.readBytes))
      calls.beginRead(buffers[buffers.count - 1])
      for place in 0..<count {
        number += 1
        calls.append(Self.id(number), .logServiceFetch, at: place..<place + 1, deadline: .distantFuture)
      }
      calls.endRead()
    }
    return (calls, buffers)
  }

  /// Which of the buffers somebody else holds. A buffer that nobody else has keeps its memory when it is cleared.
  private func held(_ buffers: inout [ByteBuffer]) -> [Int] {
    func address(_ index: Int) -> UInt { buffers[index].withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
    return buffers.indices.filter { index in
      let before = address(index)
      buffers[index].clear()
      return address(index) != before
    }
  }

  @Test func `a read is held as long as a call lies in it`() {
    var (calls, buffers) = reads([2, 0, 1, 3])
    #expect(held(&buffers) == [0, 2, 3])
    withExtendedLifetime(calls) {}
    for (taken, left) in [(1, [0, 2, 3]), (2, [2, 3]), (3, [3]), (5, [3]), (6, [])] {
      (calls, buffers) = reads([2, 0, 1, 3])
      for _ in 0..<taken { _ = calls.popFirst() }
      #expect(held(&buffers) == left, "\(taken) taken")
      withExtendedLifetime(calls) {}
    }
  }

  @Test(arguments: [
    ([1, 2], [2, 3]), ([3], [0, 3]), ([4, 5, 6], [0, 2]), ([3, 5], [0, 3]), ([6, 3, 1, 2, 5, 4], []),
  ])
  func `a read whose calls were all removed is let go of, wherever it stood`(removed: [Int], left: [Int]) {
    var (calls, buffers) = reads([2, 0, 1, 3])
    let size = buffers[0].storageCapacity
    #expect(calls.heldBytes == 3 * size, "three reads have calls")
    for number in removed where !calls.remove(Self.id(number)) { Issue.record("call \(number) is not there") }
    #expect(calls.heldBytes == left.count * size)
    #expect(held(&buffers) == left)
    withExtendedLifetime(calls) {}
  }

  @Test func `a small message that is kept does not keep its read, a large one is not copied`() {
    let read = ByteBuffer(repeating: 7, count: 1 << 16)
    for (count, isCopied) in [(0, true), (100, true), (1 << 15, false)] {
      let message = read.getSlice(at: 0, length: count) ?? ByteBuffer()
      #expect(message.compacted == message)
      #expect((message.compacted.storageCapacity < read.storageCapacity) == isCopied)
      let calls = InboundCalls()
      calls.append(InboundCall(id: Self.id(1), method: .logServiceFetch, message: message))
      #expect((calls.heldBytes < read.storageCapacity) == isCopied)
      #expect(calls.popFirst()?.message == message)
      #expect(calls.heldBytes == 0)
    }
  }

  @Test func `a call's message outlives the queue`() {
    let (calls, _) = reads([1, 1])
    _ = calls.popFirst()
    let call = calls.popFirst()
    calls.removeAll()
    #expect(calls.heldBytes == 0 && calls.popFirst() == nil)
    #expect(call?.message == ByteBuffer(bytes: [1]))
  }
}
