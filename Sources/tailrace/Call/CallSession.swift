import NIOCore
import Synchronization
import TailraceClient
import TailraceWire

/// Calls of one method, one after the other, over one connection that is made for the first.
struct CallSession {
  /// Longest request in its JSON form, in bytes, inclusive.
  static let maxRequestBytes = 64 << 20

  private let method: RPCMethod
  private let client: ClientOptions
  private let input: MessageDescriptor
  private let output: MessageDescriptor
  private let encoding: ProtobufJSON.EncodingOptions
  private var connection: Connection?
  var metadata: [Metadata] = []
  var timeout = Duration.seconds(60)
  var allowsUnknownFields = false
  var isVerbose = false

  init(_ method: RPCMethod, client: ClientOptions, isPretty: Bool) throws(CommandFailure) {
    let pool = DescriptorPool.tailrace
    guard let input = pool.message(named: method.requestName), let output = pool.message(named: method.responseName)
    else { throw CommandFailure(RPCError(.internalError, "the schemas do not describe \(method.fullName)")) }
    (self.method, self.client, self.input, self.output) = (method, client, input, output)
    encoding = ProtobufJSON.EncodingOptions(alwaysPrintsFieldsWithoutPresence: true, isPretty: isPretty)
  }

  /// Makes a call and prints its response. `source`: where the request is from, for messages.
  mutating func call(_ request: JSONText, from source: String) async throws {
    // Which of several it was matters only where there are several.
    let place =
      request.number > 1 || source != "the request" ? "request \(request.number) (line \(request.line)): " : ""
    let message = try encode(request.bytes, place.isEmpty ? "the request: " : place)
    let connection = try await connected()
    let answer: ByteBuffer
    do throws(RPCError) { answer = try await exchange(message, over: connection) } catch {
      throw CommandFailure(error).with(prefix: place)
    }
    try StandardOutput.print(try decode(answer))
  }

  private mutating func connected() async throws -> Connection {
    if let connection { return connection }
    let start = ContinuousClock.now
    let made = try await client.connect()
    if isVerbose { tell("* connected to \(made.server) in \(Quantity.latency(ContinuousClock.now - start))") }
    connection = made
    return made
  }

  private func exchange(_ message: ByteBuffer, over connection: Connection) async throws(RPCError) -> ByteBuffer {
    guard isVerbose else {
      return try await connection.call(method, message, CallOptions(timeout: timeout, metadata: metadata))
    }
    tell("> \(method.fullName), \(message.readableBytes) bytes, \(Quantity.latency(timeout)) at most")
    for entry in metadata { tell("> \(entry.key): \(entry.value)") }
    let received = Mutex<[Metadata]>([])
    let start = ContinuousClock.now
    let result = await Result { () async throws(RPCError) in
      try await connection.call(
        method, message,
        CallOptions(
          timeout: timeout, metadata: metadata, onMetadata: { entries in received.withLock { $0 = entries } }))
    }
    let took = Quantity.latency(ContinuousClock.now - start)
    switch result {
    case .success(let answer): tell("< OK, \(answer.readableBytes) bytes, in \(took)")
    case .failure(let error): tell("< \(error.code.name), in \(took)")
    }
    for entry in received.withLock({ $0 }) { tell("< \(entry.key): \(entry.value)") }
    return try result.get()
  }

  private func tell(_ line: String) { StandardError.write("\(line.withoutControls)\n") }

  private func encode(_ json: ByteBuffer, _ place: String) throws(CommandFailure) -> ByteBuffer {
    do throws(JSONMappingError) {
      return try ProtobufJSON.decode(
        json, as: input, options: ProtobufJSON.DecodingOptions(ignoresUnknownFields: allowsUnknownFields))
    } catch {
      throw CommandFailure("\(place)\(error)", exitCode: ExitStatus.usage)
    }
  }

  private func decode(_ answer: ByteBuffer) throws(CommandFailure) -> String {
    do throws(JSONMappingError) {
      return try ProtobufJSON.encode(answer, as: output, options: encoding)
    } catch {
      throw CommandFailure(RPCError(.internalError, "the broker's answer: \(error)"))
    }
  }
}

extension Result where Failure == RPCError {
  /// What `body` returns or throws.
  fileprivate init(_ body: () async throws(RPCError) -> Success) async {
    do throws(RPCError) { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
