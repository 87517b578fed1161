import Foundation
import NIOCore
import Synchronization
import TailraceWire

/// Strangers, a few at a time, and what the broker did with them.
final class FuzzCrowd: Sendable {
  struct Tally: Sendable {
    var strangers = 0
    /// Did not even get a connection.
    var notConnected = 0
    /// Frames that answered calls, with success or not.
    var answers = 0
    var failures = 0
    /// Frames about the connection itself.
    var refusals = 0
    var closed = 0
    /// Bytes that are no frames of ours.
    var malformed = 0
  }

  private let script: FuzzStrangerScript
  private let port: UInt16
  private let next: Atomic<UInt64>
  private let end: UInt64
  private let tallies = Mutex<[StrangerKind: Tally]>([:])
  private static let threads = 4
  /// Connections that a thread leaves open, to be closed when as many others have come after them.
  private static let keptOpen = 24

  init(script: FuzzStrangerScript, port: UInt16, first: UInt64, count: UInt64) {
    self.script = script
    self.port = port
    next = Atomic(first)
    end = first + count
  }

  var results: [StrangerKind: Tally] { tallies.withLock { $0 } }

  /// Sends all strangers. `isBrokerThere` ends it early. On threads of its own: they block, and the pools that tasks
  /// run on have few.
  func run(isBrokerThere: @escaping @Sendable () -> Bool) async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<Self.threads {
        group.addTask {
          await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            Thread.detachNewThread {
              self.work(isBrokerThere)
              done.resume()
            }
          }
        }
      }
    }
  }

  private func work(_ isBrokerThere: () -> Bool) {
    var open: [FuzzStranger] = []
    while true {
      let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard number < end, isBrokerThere() else { return }
      if let stranger = visit(number) { open.append(stranger) }
      if open.count > Self.keptOpen { open.removeFirst() }
    }
  }

  /// One stranger's visit. Returns its connection where that stays open.
  private func visit(_ number: UInt64) -> FuzzStranger? {
    let (kind, bytes) = script.bytes(number)
    var tally = Tally(strangers: 1)
    defer { add(tally, kind) }
    guard let stranger = FuzzStranger(port: port, receiveBufferBytes: kind == .neverReading ? 4_096 : nil) else {
      tally.notConnected = 1
      return nil
    }
    stranger.send(bytes)
    switch kind {
    case .neverReading, .silent: return stranger
    case .reset:
      stranger.closeWithReset()
      return nil
    case .halfFrame, .halfPreface: if number % 2 == 0 { stranger.shutDownOutput() }
    default: break
    }
    let (answer, isClosed) = stranger.read(timeoutMs: kind.patienceMs)
    tally.closed = isClosed ? 1 : 0
    count(answer, &tally)
    return number % 8 == 0 ? stranger : nil
  }

  private func count(_ bytes: [UInt8], _ tally: inout Tally) {
    var buffer = ByteBuffer(bytes: bytes)
    if (try? ServerPreface(reading: &buffer)) == nil { buffer = ByteBuffer(bytes: bytes) }
    var decoder = FrameDecoder()
    decoder.receive(buffer)
    do {
      while let frame = try decoder.next() {
        let header = try ResponseHeader(decoding: frame.header)
        if header.callID == 0 {
          tally.refusals += 1
        } else if RPCError(header.status) == nil {
          tally.answers += 1
        } else {
          tally.failures += 1
        }
      }
    } catch { tally.malformed += 1 }
  }

  private func add(_ tally: Tally, _ kind: StrangerKind) {
    tallies.withLock { tallies in
      var sum = tallies[kind, default: Tally()]
      sum.strangers += tally.strangers
      sum.notConnected += tally.notConnected
      sum.answers += tally.answers
      sum.failures += tally.failures
      sum.refusals += tally.refusals
      sum.closed += tally.closed
      sum.malformed += tally.malformed
      tallies[kind] = sum
    }
  }
}

extension StrangerKind {
  /// How long it waits for more: longer where an answer or the end is due, milliseconds.
  fileprivate var patienceMs: Int32 {
    switch self {
    case .halfPreface, .halfFrame: 10
    case .validExtremes, .mutatedFrames: 150
    default: 200
    }
  }
}
