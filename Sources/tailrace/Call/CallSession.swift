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
  private let door: CallDoor
  private let interruption: CallInterruption
  private let input: MessageDescriptor
  private let output: MessageDescriptor
  private let encoding: ProtobufJSON.EncodingOptions
  private var connection: (any CallTransport)?
  var metadata: [Metadata] = []
  /// Nil: none.
  var timeout: Duration? = .seconds(60)
  var allowsUnknownFields = false
  var isVerbose = false

  init(
    _ method: RPCMethod, client: ClientOptions, door: CallDoor, interruption: CallInterruption, isPretty: Bool
  ) throws(CommandFailure) {
    let pool = DescriptorPool.tailrace
    guard let input = pool.message(named: method.requestName), let output = pool.message(named: method.responseName)
    else { throw CommandFailure(RPCError(.internalError, "the schemas do not describe \(method.fullName)")) }
    (self.method, self.client, self.door, self.interruption) = (method, client, door, interruption)
    (self.input, self.output) = (input, output)
    encoding = ProtobufJSON.EncodingOptions(alwaysPrintsFieldsWithoutPresence: true, isPretty: isPretty)
  }

  /// Makes a call and prints its response. `source`: where the request is from, for messages. `faultCode`: what a request
  /// that is none fails with.
  mutating func call(_ request: JSONText, from source: String, faultCode: Int32) async throws {
    // Which of several it was matters only where there are several.
    let place =
      request.number > 1 || source != "the request" ? "request \(request.number) (line \(request.line)): " : ""
    let message = try encode(request.bytes, place.isEmpty ? "the request: " : place, faultCode)
    let connection = try await connected()
    let printer = ResponsePrinter(output, encoding)
    let session = self
    try await interruption.run {
      do throws(RPCError) {
        try await session.exchange(message, over: connection, printer)
      } catch {
        try printer.check()
        throw session.failure(error).with(prefix: place)
      }
      try printer.check()
    }
  }

  private func failure(_ error: RPCError) -> CommandFailure {
    guard error.code == .deadlineExceeded, let timeout else { return CommandFailure(error) }
    return CommandFailure(
      "given up after \(timeout) (\(error.shortName)); --timeout gives it longer",
      exitCode: ExitStatus.code(of: error.code))
  }

  private mutating func connected() async throws -> any CallTransport {
    if let connection { return connection }
    let start = ContinuousClock.now
    let made = try await door.connect(client)
    if isVerbose { CallReport.connected(to: made.server, in: ContinuousClock.now - start) }
    connection = made
    return made
  }

  private func exchange(
    _ message: ByteBuffer, over connection: any CallTransport, _ printer: ResponsePrinter
  ) async throws(RPCError) {
    let options = CallOptions(timeout: timeout, metadata: metadata)
    guard isVerbose else { return try await make(message, over: connection, options, printer) }
    let report = CallReport(method, message, options)
    let result = await Result { () async throws(RPCError) in
      try await make(message, over: connection, report.watching(options), printer)
    }
    let failure: RPCError? = if case .failure(let error) = result { error } else { nil }
    let answers = printer.answers
    report.ended(failure, answers: method.isServerStreaming ? answers.count : nil, byteCount: answers.byteCount)
    try result.get()
  }

  private func make(
    _ message: ByteBuffer, over connection: any CallTransport, _ options: CallOptions, _ printer: ResponsePrinter
  ) async throws(RPCError) {
    guard method.isServerStreaming else {
      return try printer.print(try await connection.call(method, message, options))
    }
    try await connection.stream(method, message, options) { response throws(RPCError) in try printer.print(response) }
  }

  private func encode(_ json: ByteBuffer, _ place: String, _ faultCode: Int32) throws(CommandFailure) -> ByteBuffer {
    do throws(JSONMappingError) {
      return try ProtobufJSON.decode(
        json, as: input, options: ProtobufJSON.DecodingOptions(ignoresUnknownFields: allowsUnknownFields))
    } catch {
      throw CommandFailure("\(place)\(error)", exitCode: faultCode)
    }
  }
}

/// Prints the responses of a call, a line each unless they are pretty. Thread-safe.
private final class ResponsePrinter: Sendable {
  private let type: MessageDescriptor
  private let options: ProtobufJSON.EncodingOptions
  private let state = Mutex((count: 0, byteCount: 0, failure: nil as (any Error)?))

  init(_ type: MessageDescriptor, _ options: ProtobufJSON.EncodingOptions) {
    self.type = type
    self.options = options
  }

  /// How many there were so far, and their bytes.
  var answers: (count: Int, byteCount: Int) { state.withLock { ($0.count, $0.byteCount) } }

  /// Fails with CANCELLED where it cannot be printed; `check` tells why.
  func print(_ response: ByteBuffer) throws(RPCError) {
    state.withLock {
      $0.count += 1
      $0.byteCount += response.readableBytes
    }
    do {
      try StandardOutput.print(try decode(response))
    } catch {
      state.withLock { $0.failure = error }
      throw RPCError(.cancelled, "the response cannot be printed")
    }
  }

  private func decode(_ response: ByteBuffer) throws(CommandFailure) -> String {
    do throws(JSONMappingError) {
      return try ProtobufJSON.encode(response, as: type, options: options)
    } catch {
      throw CommandFailure(RPCError(.internalError, "the server's answer: \(error)"))
    }
  }

  /// Throws what made printing fail, if it did.
  func check() throws {
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }
}

extension Result where Failure == RPCError {
  /// What `body` returns or throws.
  fileprivate init(_ body: () async throws(RPCError) -> Success) async {
    do throws(RPCError) { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
