import NIOCore
import Synchronization
import TailraceClient
import TailraceWire

/// The produce requests in flight on a connection: sends, and collects the answers. Confined to one thread, but for the
/// answers, which come on the connection's.
final class ProduceWindow {
  /// Requests in flight at a time. A connection's requests are appended in the order in which they were sent.
  static let maxRequests = 8

  private final class Inbox: Sendable {
    let answers = Mutex<[(request: UInt64, result: Result<ByteBuffer, RPCError>)]>([])
    let wake: Wake

    init() throws(SystemError) { wake = try Wake() }
  }

  private let inbox: Inbox
  private let acks: Acks
  private let topic: String
  private let topicID: ByteBuffer
  private var inFlight: [UInt64: [PendingBatch]] = [:]
  private var lastRequest: UInt64 = 0

  init(topic: String, topicID: ByteBuffer, acks: Acks) throws(SystemError) {
    inbox = try Inbox()
    self.topic = topic
    self.topicID = topicID
    self.acks = acks
  }

  /// Readable once there are answers.
  var descriptor: Descriptor { inbox.wake.descriptor }

  var isEmpty: Bool { inFlight.isEmpty }

  var isFull: Bool { inFlight.count >= Self.maxRequests }

  /// Sends `batches` in one request.
  func send(_ batches: [PendingBatch], over connection: Connection) throws(EncodeError) {
    let request = ProduceRequest(
      acks: acks,
      targets: batches.map {
        ProduceTarget(topic: topic, topicID: topicID, partition: $0.partition, batches: [$0.batch.message])
      })
    let bytes = try request.encoded()
    lastRequest += 1
    inFlight[lastRequest] = batches
    connection.send(.logServiceProduce, bytes, ClientOptions.callOptions) { [inbox, lastRequest] result in
      inbox.answers.withLock { $0.append((lastRequest, result)) }
      inbox.wake.signal()
    }
  }

  /// Takes the answers that are there.
  func takeAnswers(into tally: inout ProduceTally) {
    inbox.wake.reset()
    let answers = inbox.answers.withLock { answers in
      defer { answers = [] }
      return answers
    }
    for answer in answers {
      guard let batches = inFlight.removeValue(forKey: answer.request) else { continue }
      tally.take(answer.result.flatMap(Self.decode), for: batches)
    }
  }

  /// Gives up waiting for what is in flight.
  func abandon(into tally: inout ProduceTally) {
    for batches in inFlight.values { tally.giveUp(on: batches) }
    inFlight = [:]
  }

  private static func decode(_ bytes: ByteBuffer) -> Result<ProduceResponse, RPCError> {
    do throws(DecodeError) {
      return .success(try ProduceResponse(decoding: bytes))
    } catch {
      return .failure(RPCError(.internalError, "the broker's answer cannot be read: \(error)"))
    }
  }
}
